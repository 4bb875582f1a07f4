"""A study examined: its record and MLflow compared trial by trial, and put right if asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.datasets import fetch
from search.errors import UsageError
from search.mirror import Finding
from search.observer import Observer, Quiet
from search.options import Options
from search.own_versions import version_of
from search.reconciliation import adopt, find, mend
from search.recorded import recorded_summary
from search.repairs import Repairs
from search.storage import open_storage, read_storage
from search.studies import recorded_study
from search.study import Study
from search.tracked_study import TrackedStudy, track, tracked_data, with_runs
from search.tracker import Tracker
from search.tracking import TrackedData, find_study, open_client
from search.verdict import require_same_data

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from optuna.storages import BaseStorage


@dataclass(frozen=True)
class Examination:
    """What was found of a study, and what became of it; no repairs if none were asked for."""

    study: str
    found: tuple[Finding, ...]
    repairs: Repairs | None

    @property
    def healthy(self) -> bool:
        """Whether nothing is left to repair."""
        return not self.found if self.repairs is None else not self.repairs.left

    def to_dict(self) -> dict[str, object]:
        """The examination as JSON holds it."""
        repairs = self.repairs or Repairs((), ())
        return {
            "study": self.study,
            "healthy": self.healthy,
            "found": [asdict(finding) for finding in self.found],
            "repaired": list(repairs.done),
            "left": list(repairs.left),
        }


def examine(
    name: str,
    options: Options | None = None,
    observer: Observer | None = None,
    *,
    fix: bool = False,
) -> Examination:
    """Compare a recorded study with its runs in MLflow, their files included.

    Args:
        name: The study.
        options: Where things are kept.
        observer: Who is told of a fetch of the data.
        fix: Repair what is found; what is lost is trained again.

    Raises:
        UsageError: there is no such study, nothing answers where it is kept, or its data changed.
        StudyhallError: MLflow does not answer.
    """
    options, observer = options or Options(), observer or Quiet()
    if not fix:
        return _looked_at(name, options, observer)
    tracked = reopen(name, options, observer)
    try:
        tracked.study.claims.live_for_sure()  # whoever died on another machine is heard silent
        adopt(tracked.study, tracked.spool)
        found = find(tracked, deep=True)
        return Examination(name, tuple(found), mend(tracked, found, restore=True))
    finally:
        tracked.end()


def _looked_at(name: str, options: Options, observer: Observer) -> Examination:
    """Examine a study without changing anything."""
    study, client, data, folder = _recorded(read_storage(options.address), name, options, observer)
    of_study = find_study(client, study.experiment, study.study_id, data)
    if of_study is None:
        problem = "the study's own run is missing, and with it the runs of its trials"
        return Examination(name, (Finding("missing", None, None, problem),), None)
    study_run, deleted = of_study
    tracked = with_runs(study, Tracker(study_run, client), folder, options)
    live = bool(study.claims.live_for_sure())
    found = find(tracked, deep=True)
    if deleted:
        problem = "the study's own run was deleted in MLflow"
        found.append(Finding("deleted", None, study_run.run_id, problem))
    elif not live and tracked.tracker.study_is_running():
        problem = "the study's own run is RUNNING, but no worker is at it"
        found.append(Finding("stale", None, study_run.run_id, problem))
    return Examination(name, tuple(found), None)


def reopen(name: str, options: Options, observer: Observer) -> TrackedStudy:
    """Open a recorded study with its runs, which are created if there are none.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
    """
    storage = open_storage(options.address)
    study, client, data, folder = _recorded(storage, name, options, observer)
    return track(study, client, data, folder, options)


def _recorded(
    storage: BaseStorage, name: str, options: Options, observer: Observer
) -> tuple[Study, MlflowClient, TrackedData, Path]:
    """A recorded study, MLflow, and the study's data with their folder."""
    recorded_summary(name, options.storage)  # says what is wrong with the name
    study = recorded_study(storage, name)
    if study is None:
        raise UsageError(f"{name}: another program's study has that name")
    client, settings = open_client(options.tracking_uri), study.spec.data_settings
    folder = version_of(settings, study.data_fingerprint)
    if folder is None:
        folder = fetch(settings, data_dir=options.data_dir, progress=observer.fetching)
        require_same_data(folder, settings, study.data_fingerprint)
    return study, client, tracked_data(study.spec, folder), folder
