"""Sending what waits in a outbox to MLflow, in a thread of its own: training never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from filelock import FileLock, Timeout

from studyhall.search.common.errors import StudyhallError
from studyhall.search.sync.backoff import Backoff
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.outbox_uploader import Accepted, FailedUpload, OutboxUploader
from studyhall.search.tracking.mlflow_errors import MlflowDeniedError, MlflowError
from studyhall.search.tracking.tracker import Tracker

POLL_SECONDS = 1.0  # each look asks the study, beside a trial of the same process


class Sender:
    """Keeps MLflow up to date with a outbox, until it is stopped.

    One sender at a time sends from a outbox; another one waits until the first has stopped or died.

    Args:
        open_tracker: Opens the study in MLflow; called in the thread, when there is something to
            send. It may raise StudyhallError, and is then called again later.
        outbox: Where records and points wait.
        accepted: What the study says of an attempt at a trial, given the numbers of the trial and
            of the attempt: True, its result is the trial's; False, another attempt has taken over,
            or there is no such trial; None, it is not decided yet. It may raise StudyhallError, and
            is then asked again later.
        notify: Told in a sentence when MLflow goes away and when it is back, and of each record
            that cannot be sent. It is called in the thread.
    """

    def __init__(
        self,
        open_tracker: Callable[[], Tracker],
        outbox: Outbox,
        accepted: Accepted,
        notify: Callable[[str], None],
    ) -> None:
        self._spool = outbox
        self._courier = OutboxUploader(open_tracker, outbox, accepted, notify)
        self._outage = Backoff(notify)
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._turned = threading.Condition()
        self._asked = self._answered = 0  # how often `drain` asked, and what was answered
        self._left: list[FailedUpload] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def drain(self, seconds: float) -> list[FailedUpload]:
        """Wait until nothing waits that can be sent, `seconds` at most; the thread must run.

        Returns:
            The records that wait still. One that the study has not decided on is not among them,
            unless MLflow is away: a worker is about to enter it.
        """
        with self._turned:
            self._asked += 1
            asked = self._asked
            self._wake.set()
            self._turned.wait_for(lambda: self._is_drained(asked), seconds)
            if self._error:
                raise self._error
            if self._answered < asked:
                return self._all_unsent("MLflow has not answered in time")
            return list(self._left)

    def stop(self, seconds: float) -> bool:
        """End the thread; return whether it ended in time. If not, it ends with the process."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _is_drained(self, asked: int) -> bool:
        if self._error or not self._thread.is_alive():
            return True
        return self._answered >= asked and all(unsent.final for unsent in self._left)

    def _run(self) -> None:
        try:
            lock = self._spool.sending_lock()
            try:
                while not self._stopping.is_set():
                    self._wake.wait(self._turn(lock))
                    self._wake.clear()
            finally:
                lock.release()
        except BaseException as error:
            self._error = error
            raise
        finally:
            with self._turned:
                self._turned.notify_all()

    def _turn(self, lock: FileLock) -> float:
        """Send what can be sent now; return for how many seconds to leave MLflow alone."""
        asked = self._asked
        if asked > self._answered:
            self._courier.forgive()
            self._outage.hurry()
        pause, left = POLL_SECONDS, []
        try:
            if not lock.is_locked:
                self._spool.folder.mkdir(parents=True, exist_ok=True)
                lock.acquire()
                self._spool.sweep()
            left = self._send()
            self._outage.over(self._courier.sent)
        except Timeout:
            left = self._all_unsent("another launch is sending them")
        except (StudyhallError, OSError) as error:
            reason = error.reason if isinstance(error, MlflowError) else str(error)
            left = self._all_unsent(reason, final=isinstance(error, MlflowDeniedError))
            pause = self._outage.failed(error, self._courier.sent)
        with self._turned:
            self._answered, self._left = asked, left
            self._turned.notify_all()
        return pause

    def _send(self) -> list[FailedUpload]:
        left = []
        for unsent in self._courier.round():
            if unsent:
                left.append(unsent)
            if self._stopping.is_set():
                break
        return left

    def _all_unsent(self, reason: str, *, final: bool = False) -> list[FailedUpload]:
        records = self._spool.records()
        return [FailedUpload(r.number, r.attempt, reason, final) for r in records]
