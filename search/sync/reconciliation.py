"""A study, its records on disk and MLflow, brought in line after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import astuple, replace
from typing import Any

from studyhall.search.study.standing import TrialStanding
from studyhall.search.study.study import Study
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.repair import Repairs, repair
from studyhall.search.sync.run_diff import Finding, compare
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.training.record import DamagedRecordError, read

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


def _standings(study: Study) -> dict[int, TrialStanding]:
    return {standing.number: standing for standing in study.standings()}


def _entries(outbox: Outbox) -> set[tuple[Any, ...]]:
    """All entries, with the runs that they go to; points that a trial adds are no difference."""
    return {astuple(replace(entry, live=False)) for entry in outbox.entries()}


def mend(tracked: TrackedStudy, found: list[Finding], restore: Restore | None) -> Repairs:
    """Repair what `find` found; with `restore`, by training again what is lost."""
    return repair(found, tracked.study.standings(), tracked.tracker, tracked.outbox, restore)


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
    for outcome in study.outcomes(()):
        for saved in outbox.folder.glob(f"trial-{outcome.number:04d}.state*"):
            saved.unlink(missing_ok=True)
