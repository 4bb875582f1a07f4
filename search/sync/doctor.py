"""A study compared with MLflow trial by trial, and repaired."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

from studyhall.search.common.options import Options
from studyhall.search.study.observer import Observer, Quiet
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import finalists_name, recorded_study
from studyhall.search.study.study import Study
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.repair import Repairs, repair
from studyhall.search.sync.run_diff import Finding, compare
from studyhall.search.sync.tracked_study import TrackedStudy, recorded, reopen, run_names, with_runs
from studyhall.search.tracking.ledger import end_broken_readings
from studyhall.search.tracking.study_runs import find_study
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import DamagedRecordError, read


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
    options, observer = options or Options(), observer or Quiet()
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
    study, client, data, folder = recorded(read_storage(options.address), name, options, observer)
    of_study = find_study(client, study.experiment, study.study_id, data)
    if of_study is None:
        problem = "the study's own run is missing, and with it the runs of its trials"
        return Examination(name, (Finding("missing", None, None, problem),), None)
    study_run, deleted = of_study
    tracker = Tracker(study_run, client, run_names(study.spec))
    tracked = with_runs(study, tracker, folder, options)
    live = bool(study.claims.live_after_grace())
    found = find(tracked, deep=True)
    if deleted:
        problem = "the study's own run was deleted in MLflow"
        found.append(Finding("deleted", None, study_run.run_id, problem))
    elif not live and tracked.tracker.study_is_running():
        problem = "the study's own run is RUNNING, but no worker is at it"
        found.append(Finding("stale", None, study_run.run_id, problem))
    return Examination(name, tuple(found), None)


_RESTORED_UNASKED = 3
Restore = Callable[[int], None]


def put_in_order(
    tracked: TrackedStudy,
    restore: Restore | None,
    *,
    at_most: float = _RESTORED_UNASKED,
    drained_hosts: Container[str] = (),
) -> Repairs:
    """Make MLflow what the study says, as far as no worker is at it.

    Args:
        tracked: The study; nothing of it may be sent meanwhile by this process.
        restore: Trains again, by its number, a finished trial whose record is lost.
        at_most: Of how many trials; where MLflow is another than before, more are lost, and it is
            better to be asked.
        drained_hosts: The names of machines that have sent everything; another may be about to
            send what it has just finished.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    tracked.outbox.sweep()
    adopt(tracked.study, tracked.outbox)
    found = find(tracked, drained_hosts=drained_hosts)
    if tracked.study.claims.live():  # the launch that is at work sends what waits
        found = [finding for finding in found if finding.kind != "unsent"]
    few = sum(finding.kind == "missing" for finding in found) <= at_most
    return mend(tracked, found, restore if few else None)


def find(
    tracked: TrackedStudy, *, deep: bool = False, drained_hosts: Container[str] = ()
) -> list[Finding]:
    """How MLflow differs from the study, but for trials that are under way or have just ended."""
    before, entries = _standings(tracked.study), _entries(tracked.outbox)
    found = compare(list(before.values()), tracked.tracker, tracked.outbox, deep=deep)
    after = _standings(tracked.study)
    busy = {n for n, s in after.items() if before.get(n) != s or s.live_attempt is not None}
    busy |= {number for number, *_ in entries ^ _entries(tracked.outbox)}  # sent meanwhile
    busy |= tracked.study.recent_elsewhere(drained_hosts)
    return [finding for finding in found if finding.number not in busy]


def _standings(study: Study) -> dict[int, TrialResult]:
    return {standing.number: standing for standing in study.results()}


def _entries(outbox: Outbox) -> set[tuple[Any, ...]]:
    """All entries, with the runs that they go to; points that a trial adds are no difference."""
    return {astuple(replace(entry, live=False)) for entry in outbox.entries()}


def mend(tracked: TrackedStudy, found: list[Finding], restore: Restore | None) -> Repairs:
    """Repair what `find` found; with `restore`, by training again what is lost."""
    return repair(found, tracked.study.results(), tracked.tracker, tracked.outbox, restore)


def adopt(study: Study, outbox: Outbox) -> None:
    """Enter in the study what a worker had stored, but died before it could tell.

    What was saved of a training that has ended since is deleted.
    """
    for waiting in outbox.records():
        number, attempt = waiting.number, waiting.attempt
        if study.accepted(number, attempt) is None:
            try:
                study.finish(read(outbox.path(number, attempt)))
            except DamagedRecordError:
                continue  # the trial is run again, under another attempt
    for outcome in study.finished():
        for saved in outbox.folder.glob(f"trial-{outcome.number:04d}.state*"):
            saved.unlink(missing_ok=True)
