"""A study with its runs in MLflow and the outbox between: what a launch and the doctor work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from studyhall.search.common.environment import environment
from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.dataset_manifest import mark_used
from studyhall.search.data.datasets import open_dataset, split_dataset
from studyhall.search.data.integrity import fingerprint, test_fingerprint
from studyhall.search.data.recorded_data import fetch_recorded, require_same_data, version_of
from studyhall.search.data.seal import sealed_sources
from studyhall.search.study.job import Job
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.studies import identity_of
from studyhall.search.study.study import Study
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.sync.trial_records import restore
from studyhall.search.tracking import study_runs
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.ownership import require_own
from studyhall.search.tracking.study_runs import TrackedData
from studyhall.search.tracking.study_view import show_study
from studyhall.search.tracking.tracker import Tracker

if TYPE_CHECKING:
    from studyhall.search.tracking.client import MlflowClient

_LAST = 4  # the last trials of a study per worker, of which the longest are begun first
_MANY = 64  # assumed workers of a cluster, whose number changes


@dataclass(frozen=True, eq=False)
class TrackedStudy:
    """A study, its runs in MLflow, and the outbox of records to upload."""

    study: Study
    tracker: Tracker
    outbox: Outbox
    job: Job
    blas_threads: int

    def uploader(self, notify: Callable[[str], None]) -> OutboxUploader:
        """The uploader of the study's records, not started."""
        return OutboxUploader(self.tracker, self.outbox, self.study.accepted, notify)

    def restore(self, number: int) -> None:
        """Restore the record of a finished trial; see `studyhall.search.sync.trial_records`."""
        restore(self.study, self.job, number, self.blas_threads)

    def end(self, metrics: Mapping[str, float] | None = None) -> None:
        """End the study's run with its metrics, unless another launch is working on it."""
        if not self.study.claims.live():
            whole = self.study.is_whole()
            self.tracker.end_study("FINISHED" if whole else "KILLED", metrics or {})


class StudyWithData(NamedTuple):
    """A study, an open client of MLflow, the study's data as MLflow records them, their folder."""

    study: Study
    client: MlflowClient
    data: TrackedData
    folder: Path


def reopen(name: str, options: Options, observer: Observer) -> TrackedStudy:
    """Open a recorded study with its runs, which are created if there are none.

    Raises:
        UsageError: There is no such study, or its storage or MLflow does not answer.
    """
    study = open_recorded(name, options.address, writable=True)
    opened = with_data(study, options, observer)
    require_own(opened.client, identity_of(study.storage, name))
    return track(opened, options, observer)


def with_data(
    study: Study, options: Options, observer: Observer, *, any_version: bool = False
) -> StudyWithData:
    """Find the data of a recorded study, and open MLflow; nothing in MLflow is changed.

    With `any_version`, data that changed since are accepted if the study's own are not here.

    Raises:
        UsageError: The data changed since the study was run, or MLflow does not answer.
    """
    settings, recorded = study.spec.data_settings, study.data_fingerprint
    folder = version_of(settings, recorded)
    if folder is None:
        own = isinstance(options.address, Path)
        folder = fetch_recorded(settings, recorded, options.data_dir, observer.fetching, follow=own)
        if recorded and not any_version:
            require_same_data(folder, settings, study.data_fingerprint)
    data, client = tracked_data(study.spec, folder), open_client(options.tracking_uri)
    return StudyWithData(study, client, data, folder)


def track(opened: StudyWithData, options: Options, observer: Observer) -> TrackedStudy:
    """Open a study's runs, those of an earlier launch if there are any, and its outbox.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    study, client, data, folder = opened
    mark_used(folder)
    spec = study.spec
    tags = trial_tags(spec, data.fingerprint, options.blas_threads)
    told = {**tags, study_runs.TEST_FINGERPRINT: test_fingerprint(folder)}
    name, study_id = study.experiment, study.study_id
    study_run = study_runs.start_study(
        client, name, study_id, data, told, study.search_id, observer.note
    )
    show_study(client, study_run, spec, above=study.search_id is None)
    return with_runs(study, Tracker(study_run, client, run_names(spec)), folder, options)


def with_runs(study: Study, tracker: Tracker, folder: Path, options: Options) -> TrackedStudy:
    """A study whose own run is open; this changes nothing in MLflow."""
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
    """Describe a study's data, which are in `folder`, as a dataset input of MLflow."""
    settings = spec.data_settings
    dataset = open_dataset(settings, folder)
    split = split_dataset(dataset, settings)
    return TrackedData(
        name=settings.name,
        fingerprint=fingerprint(folder, split),
        source_url=dataset.info.source_url,
        train=len(split.train),
        validation=len(split.validation),
    )


def trial_tags(spec: StudySpec, data_fingerprint: str, blas_threads: int) -> dict[str, str]:
    """The tags of all runs of a study, which name the causes of its results."""
    described = {f"studyhall.{name}": value for name, value in environment().items()}
    trained = {"studyhall.metric": spec.study.metric, "studyhall.blas_threads": str(blas_threads)}
    return {**described, **trained, study_runs.FINGERPRINT: data_fingerprint}


def run_names(spec: StudySpec) -> Callable[[int], str]:
    """A function that names the run of a trial, given the trial's number."""

    def name(number: int) -> str:
        fresh = spec.fresh(number)
        return f"trial-{fresh.trial:04d}-seed-{fresh.seed}" if fresh else f"trial-{number:04d}"

    return name
