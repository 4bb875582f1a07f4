"""Launching a study: check everything first, then hand over to the runner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from search.datasets import fetch, fingerprint, open_dataset, split_dataset
from search.environment import environment
from search.errors import UsageError
from search.execution import Job
from search.gate import require_data, require_sane
from search.observer import Observer, Quiet
from search.options import Options
from search.reconciliation import put_in_order
from search.runner import Runner
from search.storage import open_storage
from search.studies import open_study, recorded_study, set_aside
from search.study import Study
from search.study_spec import StudySpec
from search.summary import StudySummary
from search.tracker import Tracker
from search.tracking import TrackedData, open_client, start_study

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def launch(
    spec: StudySpec, options: Options | None = None, observer: Observer | None = None
) -> StudySummary:
    """Run a study until it has the trials that it wants, and register its champion.

    Trials that an earlier launch finished are kept; one that was interrupted is done again.

    Args:
        spec: The study.
        options: How to run it.
        observer: Who is told of the progress.

    Raises:
        UsageError: something to correct was found before any work started.
        StudyhallError: the work failed; what finished is kept, and a new launch goes on from there.
        Terminated: a second Ctrl-C or SIGTERM ended it.
    """
    options, observer = options or Options(), observer or Quiet()
    name = spec.study.name
    require_data(spec)
    client = open_client(options.tracking_uri)
    folder = fetch(spec.data_settings, data_dir=options.data_dir, progress=observer.fetching)
    if options.gate:
        require_sane(spec, folder)
    data = _tracked_data(spec, folder)
    with _only_launch(options.home, name):
        storage = open_storage(options.journal)
        if options.fresh and (earlier := recorded_study(storage, name)):
            _end_earlier(client, earlier, data, options.home)
            observer.note(f"the earlier trials are kept as study '{set_aside(storage, earlier)}'")
        study = open_study(storage, spec, data.fingerprint)
        tags = _tags(data.fingerprint)
        study_run = start_study(client, name, study.study_id, data, tags | _note(spec))
        unsent = options.home / study.study_id
        job = Job(spec, options.journal, unsent, folder, study_run, tags)
        return Runner(study, job, options, observer, Tracker(study_run, client)).run()


def _end_earlier(client: MlflowClient, study: Study, data: TrackedData, home: Path) -> None:
    """Send what waits of a study that is set aside, and leave none of its runs RUNNING."""
    study_run = start_study(client, study.spec.study.name, study.study_id, data, {})
    tracker = Tracker(study_run, client)
    put_in_order(study, tracker, home / study.study_id)
    whole = len(study.trials()) >= study.spec.study.trials
    tracker.end_study("FINISHED" if whole else "KILLED", {})


def _tracked_data(spec: StudySpec, folder: Path) -> TrackedData:
    settings = spec.data_settings
    dataset = open_dataset(settings, folder)
    split = split_dataset(dataset, settings)
    return TrackedData(
        name=settings.name,
        fingerprint=fingerprint(folder, split),
        source_url=dataset.source_url,
        train=len(split.train),
        validation=len(split.validation),
    )


def _tags(data_fingerprint: str) -> dict[str, str]:
    described = {f"studyhall.{name}": value for name, value in environment().items()}
    return {**described, "studyhall.data_fingerprint": data_fingerprint}


def _note(spec: StudySpec) -> dict[str, str]:
    """The description that MLflow's UI shows on top of the study's run."""
    study, data = spec.study, spec.data_settings
    text = (
        f"Study **{study.name}**: {study.sampler} search over {', '.join(spec.search_space)}, "
        f"pruner {study.pruner}, seed {study.seed}, for the best {study.metric} on {data.name} "
        f"({data.train:,} training and {data.validation:,} validation examples). "
        f"Its trials are the child runs; `studyhall status {study.name}` says where it stands."
    )
    return {"mlflow.note.content": text}


@contextmanager
def _only_launch(home: Path, name: str) -> Iterator[None]:
    """Hold the study's lock, which the system frees when this process ends, however it ends."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / f"{name}.lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"{name}: another launch is running this study; wait for it, or run under another "
            "name with --name"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{home}: must be a folder that can be written: {error.strerror or error}; launch in "
            "another folder, or name a journal elsewhere with --storage"
        ) from None
    try:
        yield
    finally:
        lock.release()
