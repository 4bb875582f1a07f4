"""A study with its runs in MLflow and the outbox between: what a launch and the doctor work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from studyhall.search.common.environment import environment
from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.dataset_manifest import mark_used
from studyhall.search.data.datasets import fetch, open_dataset, split_dataset
from studyhall.search.data.integrity import fingerprint, test_fingerprint
from studyhall.search.data.recorded_data import require_same_data, version_of
from studyhall.search.data.seal import sealed_sources
from studyhall.search.study.job import Job
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import recorded_summary
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.study.study import Study
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.sync.restoring import restore
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.study_runs import (
    FINGERPRINT,
    TEST_FINGERPRINT,
    TrackedData,
    start_study,
)
from studyhall.search.tracking.study_view import show_study
from studyhall.search.tracking.tracker import Tracker

if TYPE_CHECKING:
    from studyhall.search.study.storage import BaseStorage
    from studyhall.search.tracking.client import MlflowClient

_LAST = 4  # trials a worker at the end of a study, among which the longest goes first

_MANY = 64  # in place of the workers of a cluster, which come and go


@dataclass(frozen=True, eq=False)
class TrackedStudy:
    """A study, its mirror in MLflow, and what waits to be sent there."""

    study: Study
    tracker: Tracker
    outbox: Outbox
    job: Job
    blas_threads: int

    def uploader(self, notify: Callable[[str], None]) -> OutboxUploader:
        """The uploader of the study's records, not started."""
        return OutboxUploader(self.tracker, self.outbox, self.study.accepted, notify)

    def restore(self, number: int) -> None:
        """Make the record of a finished trial again; see `studyhall.search.sync.restoring`."""
        restore(self.study, self.job, number, self.blas_threads)

    def end(self, metrics: Mapping[str, float] | None = None) -> None:
        """End the study's run with its figures, unless another launch is at work on it."""
        if not self.study.claims.live():
            whole = self.study.is_whole()
            self.tracker.end_study("FINISHED" if whole else "KILLED", metrics or {})


def track(
    study: Study, client: MlflowClient, data: TrackedData, folder: Path, options: Options
) -> TrackedStudy:
    """Open a study's runs, those of an earlier launch if there are any, and its outbox.

    Args:
        study: The study.
        client: An open client.
        data: What its networks train on.
        folder: Where that is.
        options: Where things are kept, and how trials are run.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    mark_used(folder)
    spec = study.spec
    tags = trial_tags(spec, data.fingerprint, options.blas_threads)
    told = {**tags, TEST_FINGERPRINT: test_fingerprint(folder)}
    study_run = start_study(client, study.experiment, study.study_id, data, told, study.search_id)
    show_study(client, study_run, spec, above=study.search_id is None)
    return with_runs(study, Tracker(study_run, client, run_names(spec)), folder, options)


def with_runs(study: Study, tracker: Tracker, folder: Path, options: Options) -> TrackedStudy:
    """A study whose runs are open; nothing in MLflow is changed."""
    tags = trial_tags(study.spec, tracker.study_run.data.fingerprint, options.blas_threads)
    outbox = Outbox(options.home / study.study_id)
    needed = folder, outbox.folder, options.address
    workers = _MANY if options.cluster else options.workers
    job = Job(
        spec=study.spec,
        storage=options.address,
        outbox=outbox.folder,
        data_folder=folder,
        tags=tags,
        attempts=options.attempts,
        last=_LAST * workers if workers > 1 else 0,
        sealed=sealed_sources(study.spec.data_settings, needed, options.data_dir),
    )
    return TrackedStudy(study, tracker, outbox, job, options.blas_threads)


def tracked_data(spec: StudySpec, folder: Path) -> TrackedData:
    """What MLflow is told of a study's data, which are in `folder`."""
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


def trial_tags(spec: StudySpec, data_fingerprint: str, blas_threads: int) -> dict[str, str]:
    """The tags that all runs of a study have: what its results depend on."""
    described = {f"studyhall.{name}": value for name, value in environment().items()}
    trained = {"studyhall.metric": spec.study.metric, "studyhall.blas_threads": str(blas_threads)}
    return {**described, **trained, FINGERPRINT: data_fingerprint}


def run_names(spec: StudySpec) -> Callable[[int], str]:
    """How the runs of a study's trials are named, by the trials' numbers."""

    def name(number: int) -> str:
        fresh = spec.fresh(number)
        return f"trial-{fresh.trial:04d}-seed-{fresh.seed}" if fresh else f"trial-{number:04d}"

    return name


class Opened(NamedTuple):
    """A study, MLflow's client, and the study's data with the folder that they are in."""

    study: Study
    client: MlflowClient
    data: TrackedData
    folder: Path


def reopen(name: str, options: Options, observer: Observer) -> TrackedStudy:
    """Open a recorded study with its runs, which are created if there are none.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
    """
    storage = open_storage(options.address)
    return track(*recorded(storage, name, options, observer), options)


def recorded(storage: BaseStorage, name: str, options: Options, observer: Observer) -> Opened:
    """A recorded study, with what its runs are opened with.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
    """
    recorded_summary(name, options.address)  # says what is wrong with the name
    study = recorded_study(storage, name)
    if study is None:
        raise UsageError(f"{name}: another program's study has that name")
    client, settings = open_client(options.tracking_uri), study.spec.data_settings
    folder = version_of(settings, study.data_fingerprint)
    if folder is None:
        folder = fetch(settings, data_dir=options.data_dir, progress=observer.fetching)
        require_same_data(folder, settings, study.data_fingerprint)
    return Opened(study, client, tracked_data(study.spec, folder), folder)
