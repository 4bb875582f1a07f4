"""A study with its runs in MLflow and the spool between: what a launch and the doctor work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.datasets import fingerprint, open_dataset, split_dataset
from search.environment import environment
from search.execution import Job
from search.integrity import test_fingerprint
from search.options import Options
from search.own_page import mark_used
from search.pages import run_route
from search.restoring import restore
from search.sealed_sources import sealed_sources
from search.sender import Sender
from search.spool import Spool
from search.study import Study
from search.study_spec import StudySpec
from search.study_view import description, experiment_tags
from search.tracker import Tracker
from search.tracking import (
    FINGERPRINT,
    REPORT,
    TEST_FINGERPRINT,
    StudyRun,
    TrackedData,
    has_report,
    show_experiment,
    show_run,
    start_study,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_LAST = 4  # trials a worker at the end of a study, among which the longest goes first

_MANY = 64  # in place of the workers of a cluster, which come and go


@dataclass(frozen=True, eq=False)
class TrackedStudy:
    """A study, its mirror in MLflow, and what waits to be sent there."""

    study: Study
    tracker: Tracker
    spool: Spool
    job: Job
    blas_threads: int

    def sender(self, notify: Callable[[str], None]) -> Sender:
        """What brings MLflow up to date; not started."""
        return Sender(lambda: self.tracker, self.spool, self.study.accepted, notify)

    def restore(self, number: int) -> None:
        """Make the record of a finished trial again; see `search.restoring`."""
        restore(self.study, self.job, number, self.blas_threads)

    def end(self, metrics: Mapping[str, float] | None = None) -> None:
        """End the study's run with its figures, unless another launch is at work on it."""
        if not self.study.claims.live():
            whole = self.study.is_whole()
            self.tracker.end_study("FINISHED" if whole else "KILLED", metrics or {})


def track(
    study: Study, client: MlflowClient, data: TrackedData, folder: Path, options: Options
) -> TrackedStudy:
    """Open a study's runs, those of an earlier launch if there are any, and its spool.

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


def show_study(
    client: MlflowClient, study_run: StudyRun, spec: StudySpec, *, above: bool = True
) -> None:
    """Have MLflow's UI say what a study is, lead to its report, and show what matters first.

    Args:
        client: An open client.
        study_run: The study's run.
        spec: The study.
        above: Whether it stands above all runs of its experiment, as finalists do not.
    """
    report = None
    if has_report(client, study_run):
        report = f"{run_route(study_run.experiment_id, study_run.run_id)}/artifacts/{REPORT}"
    note = description(spec, report)
    show_run(client, study_run, note)
    if above:
        show_experiment(client, study_run.experiment_id, experiment_tags(spec, note))


def with_runs(study: Study, tracker: Tracker, folder: Path, options: Options) -> TrackedStudy:
    """A study whose runs are open; nothing in MLflow is changed."""
    tags = trial_tags(study.spec, tracker.study_run.data.fingerprint, options.blas_threads)
    spool = Spool(options.home / study.study_id)
    needed = folder, spool.folder, options.address
    workers = _MANY if options.cluster else options.workers
    job = Job(
        spec=study.spec,
        storage=options.address,
        spool=spool.folder,
        data_folder=folder,
        tags=tags,
        attempts=options.attempts,
        last=_LAST * workers if workers > 1 else 0,
        sealed=sealed_sources(study.spec.data_settings, needed, options.data_dir),
    )
    return TrackedStudy(study, tracker, spool, job, options.blas_threads)


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
