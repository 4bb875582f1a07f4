"""Ending a launch at once: within seconds no trial is claimed and no run is RUNNING."""

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
from studyhall.search.workers.execution import Workplace

_SECONDS = 7.0  # for all that is done here: a cluster kills ten seconds after SIGTERM


def abort_launch(
    tracked: TrackedStudy,
    uploader: OutboxUploader,
    workplace: Workplace | None = None,
    abort_elsewhere: Callable[[], None] = lambda: None,
) -> bool:
    """Leave no claims and no running runs of this launch behind, as far as time allows.

    The next launch does the rest: MLflow may be unreachable, or the disk full.

    Args:
        tracked: The study. No worker process of this launch is left on this machine.
        uploader: What sends its records.
        workplace: Where this process runs its trials, if it does.
        abort_elsewhere: Ends the trials of workers elsewhere.

    Returns:
        Whether all was done.
    """
    deadline = time.monotonic() + _SECONDS
    aborted = _start(abort_elsewhere)  # in parallel, since the storage may be unreachable from here
    released = _start(lambda: _release(tracked, workplace))
    done = aborted(deadline), released(deadline)
    if deadline - time.monotonic() <= 0:
        return False
    return _start(lambda: _send(tracked, uploader, deadline))(deadline) and all(done)


def _release(tracked: TrackedStudy, workplace: Workplace | None) -> bool:
    """Enter what is recorded of this launch's trials, and let others have the unfinished ones.

    That does not count as the death of a worker.
    """
    if workplace:
        workplace.stop_trial()
    adopt(tracked.study, tracked.outbox)
    if workplace:
        workplace.release()
    tracked.study.claims.release_dead()
    return True


def _send(tracked: TrackedStudy, uploader: OutboxUploader, deadline: float) -> bool:
    unsent = uploader.drain(deadline - time.monotonic())
    if unsent or not uploader.stop(deadline - time.monotonic()):
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
    """Start a step in a thread; return a function that waits for it until a deadline.

    That function returns whether the step was done: it ended without an error, and not with False.
    """
    done: list[bool] = []

    def run() -> None:
        with suppress(StudyhallError, OSError):
            done.append(step() is not False)

    thread = threading.Thread(target=run, name="aborting a launch", daemon=True)
    thread.start()

    def wait(deadline: float) -> bool:
        thread.join(max(0.0, deadline - time.monotonic()))
        return done == [True]

    return wait
