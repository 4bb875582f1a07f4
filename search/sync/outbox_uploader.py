"""One round after another over a outbox: what is due is sent, and nothing bad holds up the rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from studyhall.search.common.errors import StudyhallError
from studyhall.search.sync.outbox import Outbox, Waiting
from studyhall.search.sync.run_upload import RunUpload
from studyhall.search.tracking.mlflow_errors import MlflowError, MlflowRefusedError, is_disk_full
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import DamagedRecordError

ASIDE_SECONDS = 60.0  # until a record that was not taken is tried again
_LATE_SECONDS = 5.0  # no record is taken for lost, and made again, that is there for less
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
    """Sends from a outbox as long as it is its only sender; the arguments are those of `Sender`.

    Attributes:
        sent: How many records it has sent.
    """

    def __init__(
        self,
        open_tracker: Callable[[], Tracker],
        outbox: Outbox,
        accepted: Accepted,
        notify: Callable[[str], None],
    ) -> None:
        self.sent = 0
        self._open_tracker = open_tracker
        self._tracker: Tracker | None = None
        self._spool = outbox
        self._accepted = accepted
        self._notify = notify
        self._deliveries: dict[tuple[int, int], RunUpload] = {}
        self._failures: Counter[Waiting] = Counter()
        self._aside: dict[Waiting, tuple[str, float]] = {}
        self._told: set[Waiting] = set()
        self._arrived: dict[tuple[int, int], float] = {}  # when a record was first seen here
        self._first = True  # what waits then has done so for longer than is known

    def round(self) -> Iterator[FailedUpload | None]:
        """Deal with all that waits, an attempt a step; yield the record if it was not taken.

        Raises:
            StudyhallError: MLflow or the study does not answer.
            OSError: the disk does not take what sending needs.
        """
        everything, now = self._spool.waiting(), time.monotonic()
        for waiting in everything:
            if waiting.record:
                seen = float("-inf") if self._first else now
                self._arrived.setdefault((waiting.number, waiting.attempt), seen)
        self._first = False
        for waiting in everything:
            if not self._is_aside(waiting):
                self._try(waiting)
            yield self._unsent(waiting)

    def forgive(self) -> None:
        """Try in the next round what was set aside in an earlier one."""
        self._aside.clear()

    def _unsent(self, waiting: Waiting) -> FailedUpload | None:
        if not waiting.record or waiting not in self._aside:
            return None
        reason, _ = self._aside[waiting]
        return FailedUpload(waiting.number, waiting.attempt, reason, final=True)

    def _is_aside(self, waiting: Waiting) -> bool:
        return waiting in self._aside and time.monotonic() < self._aside[waiting][1]

    def _try(self, waiting: Waiting) -> None:
        try:
            self._deal_with(waiting)
        except (DamagedRecordError, MlflowRefusedError) as error:
            self._set_aside(waiting, error)
        except (MlflowError, OSError) as error:
            if is_disk_full(error) or not self._answers():
                raise  # the others would fare no better, and it says nothing of this one
            self._failures[waiting] += 1
            if self._failures[waiting] < _TRIES:
                raise
            self._set_aside(waiting, error)
        else:
            self._failures.pop(waiting, None)
            self._aside.pop(waiting, None)

    def _answers(self) -> bool:
        return self._tracker is not None and self._tracker.answers()

    def _deal_with(self, waiting: Waiting) -> None:
        number, attempt = waiting.number, waiting.attempt
        accepted = self._accepted(number, attempt)
        if accepted is None:
            if waiting.live:
                self._delivery(number, attempt).show()
            return
        if not accepted:
            self._delivery(number, attempt).withdraw()
        elif waiting.record:
            late = time.monotonic() - self._arrived[number, attempt] >= _LATE_SECONDS
            if self._delivery(number, attempt).send(look=late):
                self.sent += 1
            else:
                self._notify(
                    f"trial {number}: its record was made again elsewhere while it waited here, "
                    "and is dropped"
                )
        elif not self._spool.path(number, attempt).exists():  # stored since the outbox was read
            self._spool.remove(number, attempt)  # sent, by one who did not get to deleting the rest
        for kept in (self._deliveries, self._arrived):
            kept.pop((number, attempt), None)

    def _delivery(self, number: int, attempt: int) -> RunUpload:
        if self._tracker is None:
            self._tracker = self._open_tracker()
        fresh = RunUpload(self._tracker, self._spool, number, attempt)
        return self._deliveries.setdefault((number, attempt), fresh)

    def _set_aside(self, waiting: Waiting, error: StudyhallError | OSError) -> None:
        """Let the others pass, and tell the user, once, if it is a record that waits."""
        reason = error.reason if isinstance(error, MlflowError) else str(error)
        self._aside[waiting] = reason, time.monotonic() + ASIDE_SECONDS
        if not waiting.record or waiting in self._told:
            return
        self._told.add(waiting)
        if isinstance(error, DamagedRecordError):
            self._notify(reason)
            return
        folder = self._spool.path(waiting.number, waiting.attempt)
        self._notify(
            f"MLflow does not take the record of trial {waiting.number} ({reason}); it stays in "
            f"{folder}: when that is mended, `studyhall sync` sends it"
        )
