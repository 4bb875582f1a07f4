"""Ending a launch at once: nothing claimed, nothing RUNNING, and within seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from filelock import Timeout

from studyhall.search.common.errors import StudyhallError
from studyhall.search.sync.doctor import adopt
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.sync.run_upload import RunUpload
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.execution import abandon, drop

_SECONDS = 7.0  # for all that is done here: a cluster kills ten seconds after SIGTERM


def abort_launch(
    tracked: TrackedStudy, sender: OutboxUploader, dismiss: Callable[[], None] = lambda: None
) -> bool:
    """Leave neither claims nor runs of this launch behind, as far as that is done in time.

    The next launch puts right what is not: MLflow may be away, or the disk full.

    Args:
        tracked: The study; no worker of this launch is left on this machine.
        sender: What sends its records.
        dismiss: Has workers elsewhere leave what they are at.

    Returns:
        Whether all was done.
    """
    deadline = time.monotonic() + _SECONDS
    dismissed = _start(dismiss)  # beside the rest: the storage may be away here
    released = _start(lambda: _release(tracked))
    done = dismissed(deadline), released(deadline)
    if deadline - time.monotonic() <= 0:
        return False
    return _start(lambda: _send(tracked, sender, deadline))(deadline) and all(done)


def _release(tracked: TrackedStudy) -> bool:
    """Keep what is recorded of this launch's trials, and let others have them, without blame."""
    drop(tracked.study.study_id)
    adopt(tracked.study, tracked.outbox)
    abandon(tracked.study.study_id)
    tracked.study.claims.release_dead()
    return True


def _send(tracked: TrackedStudy, sender: OutboxUploader, deadline: float) -> bool:
    unsent = sender.drain(deadline - time.monotonic())
    if unsent or not sender.stop(deadline - time.monotonic()):
        return False
    _withdraw_unfinished(tracked)
    tracked.end()
    return True


def _withdraw_unfinished(tracked: TrackedStudy) -> None:
    """Delete the runs of trials that were stopped half-way: another attempt gets another run."""
    study, tracker, outbox = tracked.study, tracked.tracker, tracked.outbox
    with suppress(Timeout), outbox.upload_lock():  # another launch may be sending
        live = study.claims.live()
        for entry in outbox.entries():
            number, attempt = entry.number, entry.attempt
            undecided = study.accepted(number, attempt) is None
            if undecided and number not in live and not entry.record:
                RunUpload(tracker, outbox, number, attempt).withdraw()


def _start(step: Callable[[], bool | None]) -> Callable[[float], bool]:
    """Take a step in a thread; what is returned waits for it till a deadline.

    It returns whether the step was taken.
    """
    taken: list[bool] = []

    def take() -> None:
        with suppress(StudyhallError, OSError):
            taken.append(step() is not False)

    thread = threading.Thread(target=take, name="leaving", daemon=True)
    thread.start()

    def ended(deadline: float) -> bool:
        thread.join(max(0.0, deadline - time.monotonic()))
        return taken == [True]

    return ended
