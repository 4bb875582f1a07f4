"""What do search and recording add to a trial of 1,500 iterations with 100 hidden units?

In one process, with one BLAS thread, on real CIFAR-10, in turns:

- whole: `search.execution.work`, which is all that a worker does with a trial: propose (TPE),
  train, check for pruning (Hyperband), write the record with its pictures, enter it in the study,
  send it to MLflow.
- alone: `search.trial.run_trial` with the same settings and seed.

The first trial, which loads the libraries, does not count, nor do those that the pruner ends early.
`added` is the median over the pairs of what the whole trial takes longer. `parts` are medians of
what was timed inside the whole trials, and `in_parts` of their sum, which a busy machine disturbs
less than a difference between two trials; each `share` is of the whole trial. Takes about a minute
and a half. The last line is JSON.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

from study_folder import environment

from search import execution
from search.building import TrialSeed
from search.datasets import fetch, fingerprint, open_dataset, split_dataset
from search.execution import Job, LiveTrial, training_data, work
from search.options import Options
from search.storage import open_storage
from search.studies import open_study
from search.study import ProposedTrial, Study
from search.study_file import load_study
from search.study_spec import StudySpec
from search.tracking import TrackedData, open_client, start_study
from search.trial import run_trial
from search.workers import fixed_blas_threads

PAIRS, WARM_UP, ATTEMPTS = 8, 1, 40
OVERRIDES = (
    "study.sampler=tpe",
    "study.pruner=hyperband",
    "study.trials=45",
    "search_space.hidden_size.choices=[100]",
    'search_space.learning_rate={type="float", low=0.9e-3, high=1.0e-3}',
    'search_space.l2={type="float", low=0.9, high=1.0}',
    "training.iterations=1500",
)
PARTS: dict[str, tuple[Any, str]] = {
    "propose": (Study, "propose"),
    "prune": (ProposedTrial, "report"),
    "record": (execution, "store"),
    "study": (Study, "finish"),
    "mlflow_while_training": (LiveTrial, "show"),
    "mlflow": (LiveTrial, "send"),
}
Times = dict[str, float]


def prepared(spec: StudySpec, folder: Path) -> tuple[Study, Job]:
    """Open a study as a launch does."""
    data, options = fetch("cifar10"), Options(folder=folder)
    dataset = open_dataset("cifar10", data)
    split = split_dataset(dataset, spec.data_settings)
    sizes = (len(split.train), len(split.validation))
    tracked = TrackedData("cifar10", fingerprint(data, split), dataset.source_url, *sizes)
    study = open_study(open_storage(options.journal), spec, tracked.fingerprint)
    study_run = start_study(open_client(), spec.study.name, study.study_id, tracked, {})
    tags = {"studyhall.data_fingerprint": tracked.fingerprint}
    return study, Job(spec, options.journal, folder / "unsent", data, study_run, tags)


def milliseconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = perf_counter()
    call()
    return (perf_counter() - start) * 1e3


@contextmanager
def parts_timed() -> Iterator[Times]:
    """Give the time spent in each part while the block runs."""
    times = dict.fromkeys(PARTS, 0.0)

    def timed(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start = perf_counter()
            try:
                return original(*arguments, **options)
            finally:
                times[name] += (perf_counter() - start) * 1e3

        return call

    with ExitStack() as stack:
        for name, (owner, attribute) in PARTS.items():
            call = timed(name, getattr(owner, attribute))
            stack.enter_context(patch.object(owner, attribute, call))
        yield times


def pair(study: Study, job: Job, number: int) -> Times | None:
    """Run one trial whole and its training alone; None if the pruner ended it."""
    trial_id = study.claim(number)
    with parts_timed() as times:
        times["whole"] = milliseconds(lambda: work(job, number, trial_id))
    trial = study.trials()[number]
    if trial.state.name != "COMPLETE":
        return None
    settings = study.spec.resolve(trial.params)
    data, seed = training_data(job.data_folder, settings.data), TrialSeed(0, number)
    metric = study.spec.study.metric
    times["alone"] = milliseconds(
        lambda: run_trial(settings, data, seed, metric, lambda epoch: None)
    )
    times["added"] = times["whole"] - times["alone"]
    times["in_parts"] = sum(times[name] for name in PARTS)
    return times


def measure(folder: Path) -> dict[str, Any]:
    """Run the pairs in `folder`; return the medians."""
    study, job = prepared(load_study("cifar10_grid", OVERRIDES), folder)
    pairs: list[Times] = []
    with fixed_blas_threads(1):
        for number in range(ATTEMPTS):
            pairs += filter(None, [pair(study, job, number)])
            if len(pairs) == PAIRS + WARM_UP:
                break
    counted = pairs[WARM_UP:]
    middle = {name: round(median(times[name] for times in counted), 1) for name in counted[0]}
    shares = {
        f"{name}_share": round(median(times[name] / times["whole"] for times in counted), 4)
        for name in ("added", "in_parts")
    }
    totals = {f"{name}_ms": middle[name] for name in ("whole", "alone", "added", "in_parts")}
    parts = {f"{name}_ms": middle[name] for name in PARTS}
    return {"pairs": len(counted), **totals, **shares, "parts": parts}


def main() -> None:
    """Print the times as one JSON line."""
    with (
        tempfile.TemporaryDirectory(prefix="studyhall-benchmark-") as folder,
        chdir(folder),  # MLflow's defaults are of the working folder
        patch.dict("os.environ", environment(), clear=True),
    ):
        figures = measure(Path(folder))
    print(json.dumps({"benchmark": "recording", **figures}))


if __name__ == "__main__":
    main()
