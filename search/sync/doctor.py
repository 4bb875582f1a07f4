"""A study examined: its record and MLflow compared trial by trial, and put right if asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from studyhall.search.common.options import Options
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import finalists_name, recorded_study
from studyhall.search.sync.reconciliation import adopt, find, mend
from studyhall.search.sync.repair import Repairs
from studyhall.search.sync.run_diff import Finding
from studyhall.search.sync.tracked_study import reopen, run_names, with_data, with_runs
from studyhall.search.tracking.ledger import end_broken_readings
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.tracking.tracking import find_study


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
    """Compare a recorded study with its runs in MLflow, their files and its finalists included.

    Args:
        name: The study.
        options: Where things are kept.
        observer: Who is told of a fetch of the data.
        fix: Repair what is found; what is lost is trained again.

    Raises:
        UsageError: there is no such study, nothing answers where it is kept, or its data changed.
        StudyhallError: MLflow does not answer.
    """
    options, observer = options or Options(), observer or Observer()
    examined = _examined if fix else _looked_at
    own = examined(name, options, observer)
    if recorded_study(read_storage(options.address), finalists_name(name)) is None:
        return own
    return _both(own, examined(finalists_name(name), options, observer))


def _examined(name: str, options: Options, observer: Observer) -> Examination:
    """Examine a study, and repair what is found."""
    tracked = reopen(name, options, observer)
    try:
        tracked.study.claims.live_after_grace()  # a dead worker of another machine falls silent
        end_broken_readings(tracked.tracker.client, tracked.tracker.study_run.experiment_id)
        adopt(tracked.study, tracked.outbox)
        found = find(tracked, deep=True)
        return Examination(name, tuple(found), mend(tracked, found, tracked.restore))
    finally:
        tracked.end()


def _both(search: Examination, finalists: Examination) -> Examination:
    """What was found of a search, and of its finalists, by whose name each finding begins."""
    named = f"{finalists.study}: {{}}".format
    found = (replace(finding, problem=named(finding.problem)) for finding in finalists.found)
    repairs = search.repairs
    if repairs and finalists.repairs:
        repairs = Repairs(
            (*repairs.done, *map(named, finalists.repairs.done)),
            (*repairs.left, *map(named, finalists.repairs.left)),
        )
    return Examination(search.study, (*search.found, *found), repairs)


def _looked_at(name: str, options: Options, observer: Observer) -> Examination:
    """Examine a study without changing anything."""
    study = open_recorded(name, options.address)
    opened = with_data(study, options, observer)
    client, data = opened.client, opened.data
    of_study = find_study(client, study.experiment, study.study_id, data)
    if of_study is None:
        problem = "the study's own run is missing, and with it the runs of its trials"
        return Examination(name, (Finding("missing", None, None, problem),), None)
    study_run, deleted = of_study
    tracker = Tracker(study_run, client, run_names(study.spec))
    tracked = with_runs(study, tracker, opened.folder, options)
    live = bool(study.claims.live_after_grace())
    found = find(tracked, deep=True)
    if deleted:
        problem = "the study's own run was deleted in MLflow"
        found.append(Finding("deleted", None, study_run.run_id, problem))
    elif not live and tracked.tracker.study_is_running():
        problem = "the study's own run is RUNNING, but no worker is at it"
        found.append(Finding("stale", None, study_run.run_id, problem))
    return Examination(name, tuple(found), None)
