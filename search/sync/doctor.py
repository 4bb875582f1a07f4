"""A study compared with MLflow trial by trial, and repaired."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import finalists_name
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import mend_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.study.study import Study
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.sync import tracked_study
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.repair import Repairs, Retrain, repair
from studyhall.search.sync.run_diff import Finding, compare
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.tracking.ledger import end_broken_readings
from studyhall.search.tracking.study_runs import deleted_experiment, find_study
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import DamagedRecordError, read


@dataclass(frozen=True)
class Examination:
    """The findings on a study, and their repairs; None if no repairs were wanted."""

    study: str
    found: tuple[Finding, ...]
    repairs: Repairs | None

    @property
    def healthy(self) -> bool:
        """Whether nothing is left to repair."""
        return not self.found if self.repairs is None else not self.repairs.left

    def to_dict(self) -> dict[str, object]:
        """The examination as JSON."""
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
        observer: Its methods are called when data are fetched.
        fix: Repair what is found, a journal with spoilt lines first; lost records are restored by
            training again.

    Raises:
        UsageError: there is no such study, nothing answers where it is kept, or its data changed.
        StudyhallError: MLflow does not answer.
    """
    options, observer = options or Options(), observer or Observer()
    examined = _repaired if fix else _compared
    mended = mend_storage(options.address) if fix else []
    study = open_recorded(name, options.address)
    finalists = recorded_study(study.storage, finalists_name(name))
    own = examined(study, options, observer)
    if own.repairs and mended:
        own = replace(own, repairs=replace(own.repairs, done=(*mended, *own.repairs.done)))
    return _both(own, examined(finalists, options, observer)) if finalists else own


def _repaired(study: Study, options: Options, observer: Observer) -> Examination:
    """Examine a study, and repair what is found."""
    name = study.spec.study.name
    tracked = tracked_study.reopen(name, options, observer)
    try:
        tracked.study.claims.live_after_grace()  # a dead worker of another machine loses its claim
        end_broken_readings(tracked.tracker.client, tracked.tracker.study_run.experiment_id)
        tracked.outbox.sweep()
        adopt(tracked.study, tracked.outbox)
        found = find(tracked, deep=True)
        results, outbox = tracked.study.results(), tracked.outbox
        repairs = repair(found, results, tracked.tracker, outbox, tracked.restore)
        return Examination(name, tuple(found), repairs)
    finally:
        tracked.end()


def _both(search: Examination, finalists: Examination) -> Examination:
    """Join the findings on a search and on its finalists, which begin with the finalists' name."""
    named = f"{finalists.study}: {{}}".format
    found = (replace(finding, problem=named(finding.problem)) for finding in finalists.found)
    repairs = search.repairs
    if repairs and finalists.repairs:
        repairs = Repairs(
            (*repairs.done, *map(named, finalists.repairs.done)),
            (*repairs.left, *map(named, finalists.repairs.left)),
        )
    return Examination(search.study, (*search.found, *found), repairs)


def _compared(study: Study, options: Options, observer: Observer) -> Examination:
    """Examine a study without changing anything."""
    name = study.spec.study.name
    opened = tracked_study.with_data(study, options, observer)
    client, data = opened.client, opened.data
    of_study = find_study(client, study.experiment, study.study_id, data)
    if of_study is None:
        problem = "the study's own run is missing, and with it the runs of its trials"
        return Examination(name, (Finding("missing", None, None, problem),), None)
    study_run, deleted = of_study
    if gone := deleted_experiment(client, study_run.experiment_id):
        return Examination(name, (Finding("deleted", None, study_run.run_id, gone),), None)
    tracker = Tracker(study_run, client, tracked_study.run_names(study.spec))
    tracked = tracked_study.with_runs(study, tracker, opened.folder, options)
    live = bool(study.claims.live_after_grace())
    found = find(tracked, deep=True)
    if deleted:
        problem = "the study's own run was deleted in MLflow"
        found.append(Finding("deleted", None, study_run.run_id, problem))
    elif not live and (run := tracker.find(study_run.run_id)) and run.is_running:
        problem = "the study's own run is RUNNING, but no worker works on the study"
        found.append(Finding("stale", None, study_run.run_id, problem))
    return Examination(name, tuple(found), None)


_RESTORED_AT_ONCE = 3


def put_in_order(
    tracked: TrackedStudy,
    restore: Retrain | None,
    *,
    at_most: float = _RESTORED_AT_ONCE,
    drained_hosts: Container[str] = (),
) -> Repairs:
    """Make MLflow match the study, except for trials that a worker is training.

    Args:
        tracked: The study; this process must not be uploading records of it.
        restore: Trains a finished trial, whose record is lost, again, given its number.
        at_most: The most lost records to restore. If more are lost, MLflow is probably not the one
            that was used before, and the user should decide.
        drained_hosts: The names of machines that have uploaded everything; any other one may be
            about to upload a trial that it has just finished.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    tracked.outbox.sweep()
    adopt(tracked.study, tracked.outbox)
    found = find(tracked, drained_hosts=drained_hosts)
    if tracked.study.claims.live():  # the running launch uploads its records
        found = [finding for finding in found if finding.kind != "unsent"]
    if sum(finding.kind == "missing" for finding in found) > at_most:
        restore = None
    return repair(found, tracked.study.results(), tracked.tracker, tracked.outbox, restore)


def find(
    tracked: TrackedStudy, *, deep: bool = False, drained_hosts: Container[str] = ()
) -> list[Finding]:
    """Compare MLflow with the study, except for trials that are running or have just ended."""
    before, entries = _results(tracked.study), _entries(tracked.outbox)
    found = compare(list(before.values()), tracked.tracker, tracked.outbox, deep=deep)
    after = _results(tracked.study)
    busy = {n for n, s in after.items() if before.get(n) != s or s.live_attempt is not None}
    busy |= {number for number, *_ in entries ^ _entries(tracked.outbox)}  # uploaded meanwhile
    busy |= tracked.study.recent_elsewhere(drained_hosts)
    return [finding for finding in found if finding.number not in busy]


def _results(study: Study) -> dict[int, TrialResult]:
    return {result.number: result for result in study.results()}


def _entries(outbox: Outbox) -> set[tuple[Any, ...]]:
    """All entries, with the runs that they go to; points that a trial adds are no difference."""
    return {astuple(replace(entry, live=False)) for entry in outbox.entries()}


def adopt(study: Study, outbox: Outbox) -> None:
    """Enter results in the study whose worker died after storing the record.

    Saved states of trials that have ended are deleted.
    """
    for entry in outbox.records():
        number, attempt = entry.number, entry.attempt
        if study.accepted(number, attempt) is None:
            try:
                study.finish(read(outbox.path(number, attempt)))
            except DamagedRecordError:
                continue  # the trial will be run again, as another attempt
    finished = {f"trial-{result.number:04d}" for result in study.finished()}
    for saved in outbox.folder.glob("trial-*.state*"):
        if saved.name.partition(".")[0] in finished:
            saved.unlink(missing_ok=True)
