"""Uploads the records of an outbox to MLflow in a thread of its own; training never waits for it.

A record passes three levels: `OutboxUploader` decides when it is uploaded, `RunUpload` brings it to
one run step by step, and `Tracker` makes the calls to MLflow.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from filelock import FileLock, Timeout

from studyhall.search.common.errors import StudyhallError
from studyhall.search.sync.outbox import Outbox, OutboxEntry
from studyhall.search.sync.run_upload import RunUpload
from studyhall.search.tracking import mlflow_errors
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import DamagedRecordError

POLL_SECONDS = 1.0  # each look at the outbox asks the study, beside a trial of the same process
LONGEST_PAUSE = 30.0  # seconds between two attempts while MLflow is not available
ASIDE_SECONDS = 60.0  # until a record that MLflow did not take is tried again
_LATE_SECONDS = 5.0  # a record younger than this cannot have been taken for lost and made again
_TRIES = 3  # of a record that MLflow has trouble with while it answers other questions

Accepted = Callable[[int, int], bool | None]


@dataclass(frozen=True)
class FailedUpload:
    """A record that MLflow does not have, and why; `final` if waiting will hardly change that."""

    number: int
    attempt: int
    reason: str
    final: bool


class OutboxUploader:
    """Uploads the records of an outbox, and the points of running trials, until it is stopped.

    One uploader at a time works on an outbox; another one waits until the first has stopped or its
    process has died.

    Args:
        tracker: The study in MLflow. Its client is opened in the thread, when there is something
            to upload.
        outbox: The folder of the records and points.
        accepted: Whether the study has accepted an attempt, given the numbers of the trial and of
            the attempt: False if another attempt has replaced it or there is no such trial, None
            while that is not decided. If it raises StudyhallError, it is called again later.
        notify: Called in the thread with a sentence when MLflow stops being available, when it is
            available again, and for each record that cannot be uploaded.

    Attributes:
        uploaded: How many records it has uploaded.
    """

    def __init__(
        self, tracker: Tracker, outbox: Outbox, accepted: Accepted, notify: Callable[[str], None]
    ) -> None:
        self.uploaded = 0
        self._tracker, self._outbox = tracker, outbox
        self._accepted, self._notify = accepted, notify
        self._backoff = _Backoff(notify)
        self._uploads: dict[tuple[int, int], RunUpload] = {}
        self._failures: Counter[OutboxEntry] = Counter()
        self._aside: dict[OutboxEntry, tuple[str, float]] = {}  # why, and until when
        self._reported: set[OutboxEntry] = set()
        self._arrived: dict[tuple[int, int], float] = {}  # when a record was first seen here
        self._first = True  # records found in the first pass may have waited for any time
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._passed = threading.Condition()
        self._asked = self._answered = 0  # how often `drain` asked, and what was answered
        self._left: list[FailedUpload] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="outbox-uploader", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def drain(self, seconds: float) -> list[FailedUpload]:
        """Wait, `seconds` at most, until all records that can be uploaded are; the thread must run.

        Returns:
            The records that are left. A record that the study has not decided on is not among them
            unless MLflow is unavailable: a worker is about to enter it.
        """
        with self._passed:
            self._asked += 1
            asked = self._asked
            self._wake.set()
            self._passed.wait_for(lambda: self._is_drained(asked), seconds)
            if self._error:
                raise self._error
            if self._answered < asked:
                return self._all_failed("MLflow has not answered in time")
            return list(self._left)

    def stop(self, seconds: float) -> bool:
        """End the thread; return whether it ended in time. If not, it ends with the process."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def upload_pass(self) -> list[FailedUpload]:
        """Go through the outbox once, as its only uploader; return the records not taken.

        Raises:
            StudyhallError: MLflow or the study does not answer.
            OSError: the disk does not take what uploading needs.
        """
        entries, failed = self._outbox.entries(), list[FailedUpload]()
        seen = float("-inf") if self._first else time.monotonic()
        self._first = False
        for entry in entries:
            if entry.record:
                self._arrived.setdefault((entry.number, entry.attempt), seen)
        for entry in entries:
            if entry not in self._aside or time.monotonic() >= self._aside[entry][1]:
                self._try(entry)
            if entry.record and entry in self._aside:
                reason, _ = self._aside[entry]
                failed.append(FailedUpload(entry.number, entry.attempt, reason, final=True))
            if self._stopping.is_set():
                break
        return failed

    def _is_drained(self, asked: int) -> bool:
        if self._error or not self._thread.is_alive():
            return True
        return self._answered >= asked and all(failed.final for failed in self._left)

    def _run(self) -> None:
        lock = self._outbox.upload_lock()
        try:
            while not self._stopping.is_set():
                self._wake.wait(self._guarded_pass(lock))
                self._wake.clear()
        except BaseException as error:
            self._error = error
            raise
        finally:
            lock.release()
            with self._passed:
                self._passed.notify_all()

    def _guarded_pass(self, lock: FileLock) -> float:
        """Upload what can be uploaded now; return how many seconds to pause."""
        asked = self._asked
        if asked > self._answered:
            self._aside.clear()
            self._backoff.pause = 1.0
        pause, left = POLL_SECONDS, []
        try:
            if not lock.is_locked:
                self._outbox.folder.mkdir(parents=True, exist_ok=True)
                lock.acquire()
                self._outbox.sweep()
            left = self.upload_pass()
            self._backoff.succeeded(self.uploaded)
        except Timeout:
            left = self._all_failed("another launch is uploading them")
        except (StudyhallError, OSError) as error:
            left = self._all_failed(
                _reason(error), final=isinstance(error, mlflow_errors.MlflowDeniedError)
            )
            pause = self._backoff.failed(error, self.uploaded)
        with self._passed:
            self._answered, self._left = asked, left
            self._passed.notify_all()
        return pause

    def _all_failed(self, reason: str, *, final: bool = False) -> list[FailedUpload]:
        records = self._outbox.records()
        return [FailedUpload(r.number, r.attempt, reason, final) for r in records]

    def _try(self, entry: OutboxEntry) -> None:
        """Upload one entry; if it is to blame for a failure, set it aside for the others' sake."""
        try:
            self._process(entry)
        except (DamagedRecordError, mlflow_errors.MlflowRefusedError) as error:
            self._set_aside(entry, error)
        except (mlflow_errors.MlflowError, OSError) as error:
            if mlflow_errors.is_disk_full(error) or not self._tracker.answers():
                raise  # the other records would fail too, so this one is not to blame
            self._failures[entry] += 1
            if self._failures[entry] < _TRIES:
                raise
            self._set_aside(entry, error)
        else:
            self._failures.pop(entry, None)
            self._aside.pop(entry, None)

    def _process(self, entry: OutboxEntry) -> None:
        key = number, attempt = entry.number, entry.attempt
        upload = self._uploads.setdefault(key, RunUpload(self._tracker, self._outbox, *key))
        accepted = self._accepted(number, attempt)
        if accepted is None:
            if entry.live:
                upload.upload_points()
            return
        if not accepted:
            upload.withdraw()
        elif entry.record:
            late = time.monotonic() - self._arrived[key] >= _LATE_SECONDS
            if upload.upload(check_others=late):
                self.uploaded += 1
            else:
                self._notify(
                    f"trial {number}: another machine has restored and uploaded its record; "
                    "the copy here is dropped"
                )
        elif not self._outbox.path(number, attempt).exists():  # else stored since it was listed
            # An uploader that died after the upload, before it had deleted the rest.
            self._outbox.remove(number, attempt)
        for kept in (self._uploads, self._arrived):
            kept.pop(key, None)

    def _set_aside(self, entry: OutboxEntry, error: StudyhallError | OSError) -> None:
        """Leave an entry alone for a while, and report it once if it is a record."""
        reason = _reason(error)
        self._aside[entry] = reason, time.monotonic() + ASIDE_SECONDS
        if entry.record and entry not in self._reported:
            self._reported.add(entry)
            if not isinstance(error, DamagedRecordError):
                reason = (
                    f"MLflow does not take the record of trial {entry.number} ({reason}); it is "
                    f"kept in {self._outbox.path(entry.number, entry.attempt)}: correct the cause, "
                    "then run `studyhall sync`"
                )
            self._notify(reason)


class _Backoff:
    """Pauses that double while MLflow is unavailable; reports the second failure and the end.

    `pause` is the next one, in seconds.
    """

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._failures = self._uploaded_before = 0
        self.pause = 1.0

    def failed(self, error: Exception, uploaded: int) -> float:
        """Count a failure, after `uploaded` records in all; return how many seconds to wait."""
        self._failures += 1
        if self._failures == 1:
            self._uploaded_before = uploaded
        if self._failures == 2:
            self._notify(f"{_trouble(error)}: training continues, records are kept for later")
        pause, self.pause = self.pause, min(2 * self.pause, LONGEST_PAUSE)
        return pause

    def succeeded(self, uploaded: int) -> None:
        """Begin anew, after `uploaded` records in all."""
        if self._failures >= 2:
            count = uploaded - self._uploaded_before
            records = "1 record" if count == 1 else f"{count} records"
            self._notify(f"MLflow is available again; {records} uploaded")
        self._failures, self.pause = 0, 1.0


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, mlflow_errors.MlflowError) else str(error)


def _trouble(error: Exception) -> str:
    if isinstance(error, mlflow_errors.MlflowDeniedError):
        return f"MLflow does not take records ({error.reason})"
    if isinstance(error, mlflow_errors.ArtifactStoreError):
        return error.reason
    if isinstance(error, mlflow_errors.MlflowUnavailableError):
        return f"MLflow is unavailable ({error.reason})"
    return f"records cannot be uploaded ({error})"
