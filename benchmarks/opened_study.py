"""A study that a benchmark works on in its own process, and the times of a trial's parts there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.datasets import fetch, open_dataset, split_dataset
from studyhall.search.data.integrity import fingerprint
from studyhall.search.study.claims import Claims
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.study import ProposedTrial, Study
from studyhall.search.sync import trial_records
from studyhall.search.sync.live_points import LivePoints
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.study_runs import FINGERPRINT, TrackedData, start_study
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.saved_training import TrainingSaver
from studyhall.search.workers.execution import Job, Workplace

# What a worker does for a trial beside training it, in the order of its life.
PARTS: dict[str, tuple[Any, str]] = {
    "claim": (Claims, "next"),
    "propose": (Study, "propose"),
    "prune": (ProposedTrial, "report"),
    "show_points": (LivePoints, "show"),
    "save_training": (TrainingSaver, "offer"),
    "store": (trial_records, "store"),
    "enter": (Study, "finish"),
}
Times = dict[str, float]


@dataclass(frozen=True)
class OpenedStudy:
    """What a launch opens for a study: a worker has the `workplace`, the rest stays with it."""

    study: Study
    workplace: Workplace
    outbox: Outbox
    tracker: Tracker


def opened(spec: StudySpec, folder: Path) -> OpenedStudy:
    """Open a study in `folder`, the working folder, as a launch does; MLflow is where it is."""
    settings, options = spec.data_settings, Options(folder=folder)
    data = fetch(settings)
    dataset = open_dataset(settings, data)
    split = split_dataset(dataset, settings)
    sizes = (len(split.train), len(split.validation))
    tracked = TrackedData(settings.name, fingerprint(data, split), dataset.info.source_url, *sizes)
    study = open_study(open_storage(options.address), spec, tracked.fingerprint)
    client = open_client()
    study_run = start_study(client, spec.study.name, study.study_id, tracked, {})
    outbox = Outbox(options.home / study.study_id)
    tags = {FINGERPRINT: tracked.fingerprint}
    job = Job(spec, options.address, outbox.folder, data, tags, options.attempts)
    return OpenedStudy(study, Workplace(job), outbox, Tracker(study_run, client))


def milliseconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = perf_counter()
    call()
    return (perf_counter() - start) * 1e3


@contextmanager
def parts_timed() -> Iterator[Times]:
    """Give the milliseconds spent in each of `PARTS` while the block runs."""
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
