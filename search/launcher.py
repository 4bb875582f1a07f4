"""Launching a study: check everything first, then hand over to the runner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from search.datasets import fetch, fingerprint, open_dataset, require_fitting, split_dataset
from search.environment import environment
from search.errors import UsageError
from search.execution import Job
from search.observer import Observer, Quiet
from search.options import Options
from search.runner import Runner
from search.storage import open_storage
from search.study import open_study, set_aside
from search.study_spec import StudySpec
from search.summary import StudySummary
from search.tracker import Tracker
from search.tracking import TrackedData, open_client, start_study


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
    require_fitting(spec.data_settings)
    folder = fetch(spec.data_settings.name, data_dir=options.data_dir, progress=observer.fetching)
    data = _tracked_data(spec, folder)
    client = open_client(options.tracking_uri)
    with _only_launch(options.home(name), name):
        storage = open_storage(options.journal)
        if options.fresh and (aside := set_aside(storage, name)):
            observer.note(f"the earlier trials are kept as study '{aside}'")
        study = open_study(storage, spec, data.fingerprint)
        tags = _tags(data.fingerprint)
        study_run = start_study(client, name, data, study.parent_run_id, tags | _note(spec))
        study.set_parent_run_id(study_run.run_id)
        unsent = options.home(name) / "unsent"
        job = Job(spec, options.journal, unsent, folder, study_run, tags)
        return Runner(study, job, options, observer, Tracker(study_run, client)).run()


def _tracked_data(spec: StudySpec, folder: Path) -> TrackedData:
    settings = spec.data_settings
    dataset = open_dataset(settings.name, folder)
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
        f"({data.train:,} training and {data.validation:,} validation images). "
        f"Its trials are the child runs; `studyhall status {study.name}` says where it stands."
    )
    return {"mlflow.note.content": text}


@contextmanager
def _only_launch(home: Path, name: str) -> Iterator[None]:
    """Hold the study's lock, which the system frees when this process ends, however it ends."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / "launch.lock", timeout=0)
        with lock:
            yield
    except Timeout:
        raise UsageError(
            f"{name}: another launch in this folder is running this study; wait for it, or run "
            "under another name with --name"
        ) from None
