"""Ending a launch at once: nothing claimed, nothing RUNNING, and within seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from filelock import Timeout

from search.delivery import Delivery
from search.errors import StudyhallError
from search.execution import abandon
from search.sender import Sender
from search.tracked_study import TrackedStudy

_SECONDS = 5.0  # for all that is done here: a cluster kills ten seconds after SIGTERM
_LAST_SECONDS = 0.5  # how long to wait for what MLflow is being sent


def leave_in_order(tracked: TrackedStudy, sender: Sender) -> None:
    """Leave neither claims nor runs of this launch behind, as far as that is done in time.

    The next launch puts right what is not: MLflow may be away, or the disk full.

    Args:
        tracked: The study; no worker of this launch is left.
        sender: What sends its records.
    """
    deadline = time.monotonic() + _SECONDS
    steps: tuple[Callable[[], None], ...] = (
        lambda: _release(tracked),
        lambda: _send(tracked, sender, deadline),
    )
    for step in steps:
        with suppress(StudyhallError, OSError):
            _within(deadline - time.monotonic(), step)


def _release(tracked: TrackedStudy) -> None:
    """Let others have this launch's trials, without blame."""
    abandon()
    tracked.study.claims.release_dead()


def _send(tracked: TrackedStudy, sender: Sender, deadline: float) -> None:
    if sender.drain(deadline - time.monotonic()) or not sender.stop(_LAST_SECONDS):
        return
    _withdraw_unfinished(tracked)
    tracked.end()


def _withdraw_unfinished(tracked: TrackedStudy) -> None:
    """Delete the runs of trials that were stopped half-way: another attempt gets another run."""
    study, tracker, spool = tracked.study, tracked.tracker, tracked.spool
    with suppress(Timeout), spool.sending_lock():  # another launch may be sending
        live = study.claims.live()
        for waiting in spool.waiting():
            number, attempt = waiting.number, waiting.attempt
            undecided = study.accepted(number, attempt) is None
            if undecided and number not in live and not waiting.record:
                Delivery(tracker, spool, number, attempt).withdraw()


def _within(seconds: float, function: Callable[[], None]) -> None:
    """Call a function, and wait for it that long at most; what it raises till then is raised."""
    failed: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=call, name="leaving", daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if failed:
        raise failed[0]
