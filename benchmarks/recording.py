"""What do search and recording add to a trial of 1,500 iterations with 100 hidden units?

In one process, with one BLAS thread, on real CIFAR-10, in turns:

- whole: `run_next` of `workers/execution.py`, all that a worker does with a trial: claim, propose
  (TPE), train, check for pruning (Hyperband), keep its points and its state, write the record with
  its pictures, enter it in the study. `OutboxUploader` runs beside it, as in a launch.
- sending: the processor time of the uploader's thread, from the start of the trial until MLflow
  (SQLite, its default) has all of it. A launch sends in another process than it trains in, so
  this is time that the machine gives, not time that the worker waits.
- alone: `studyhall.search.training.trial.run_trial` with the same settings and seed.

The first trial, which loads the libraries, does not count, nor do those that the pruner ends early.
`added` is the median over the pairs of what the whole trial takes longer, and of its sending.
`parts` are medians of what was timed inside the whole trials, and `in_parts` of their sum with the
sending, which a busy machine disturbs less than a difference between two trials; each `share` is of
the whole trial and its sending. Takes about a minute and a half. The last line is JSON.
"""

import json
import tempfile
import threading
import time
from contextlib import chdir, closing
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from opened_study import PARTS, OpenedStudy, Times, milliseconds, opened, parts_timed
from study_folder import environment

from studyhall.search.common.environment import fixed_blas_threads
from studyhall.search.config.study_file import load_study
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.training.building import TrialSeed, training_data
from studyhall.search.training.trial import run_trial

PAIRS, WARM_UP, ATTEMPTS, PATIENCE = 8, 1, 40, 60.0
OVERRIDES = (
    "study.sampler=tpe",
    "study.pruner=hyperband",
    f"study.trials={ATTEMPTS}",
    "search_space.hidden_size.choices=[100]",
    'search_space.learning_rate={type="float", low=0.9e-3, high=1.0e-3}',
    'search_space.l2={type="float", low=0.9, high=1.0}',
    "training.iterations=1500",
)


class Sending:
    """The uploader of a study, and the processor time that its thread has taken."""

    def __init__(self, place: OpenedStudy) -> None:
        self._uploader = OutboxUploader(place.tracker, place.outbox, place.study.accepted, print)
        self._uploader.start()
        thread = next(t for t in threading.enumerate() if t.name == "outbox-uploader")
        self._clock = time.pthread_getcpuclockid(thread.ident or 0)

    def milliseconds(self) -> float:
        """Return the thread's processor time so far, once all that waits has been sent."""
        assert self._uploader.drain(PATIENCE) == []
        return time.clock_gettime(self._clock) * 1e3

    def close(self) -> None:
        """End the thread."""
        self._uploader.stop(PATIENCE)


def pair(place: OpenedStudy, sending: Sending, number: int) -> Times | None:
    """Run one trial whole and its training alone; None if the pruner ended it."""
    sent_before = sending.milliseconds()
    with parts_timed() as times:
        times["whole"] = milliseconds(lambda: place.workplace.run_next())
    times["sending"] = sending.milliseconds() - sent_before
    trial = place.study.trials()[number]
    if trial.state.name != "COMPLETE":
        return None
    spec = place.study.spec
    settings, seed = spec.resolve(trial.params), TrialSeed(spec.study.seed, number)
    data, metric = training_data(place.workplace.job.data_folder, settings.data), spec.study.metric
    times["alone"] = milliseconds(lambda: run_trial(settings, data, seed, metric, lambda _: None))
    times["added"] = times["whole"] - times["alone"] + times["sending"]
    times["in_parts"] = sum(times[name] for name in PARTS) + times["sending"]
    return times


def measure(folder: Path) -> dict[str, Any]:
    """Run the pairs in `folder`; return the medians."""
    place = opened(load_study("cifar10_grid", OVERRIDES), folder)
    pairs: list[Times] = []
    with fixed_blas_threads(1), closing(Sending(place)) as sending:
        for number in range(ATTEMPTS):
            pairs += filter(None, [pair(place, sending, number)])
            if len(pairs) == PAIRS + WARM_UP:
                break
    counted = pairs[WARM_UP:]
    middle = {name: round(median(times[name] for times in counted), 1) for name in counted[0]}
    shares = {
        f"{name}_share": round(median(t[name] / (t["whole"] + t["sending"]) for t in counted), 4)
        for name in ("added", "in_parts")
    }
    names = ("whole", "alone", "sending", "added", "in_parts")
    totals = {f"{name}_ms": middle[name] for name in names}
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
