"""A thread that records every few seconds that this worker lives, and watches the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.study.claim import Claim
from studyhall.search.study.claims import Claims


class ClaimLostError(StudyhallError):
    """Another worker took the trial over, since this one seemed dead."""


class Heartbeat:
    """A context in which the thread runs.

    Args:
        claims: The worker's claims.
        claimed: The trial that it runs.
        seconds: The time between two beats.
        clock: This process's own clock, in seconds.

    Attributes:
        lost: Whether the trial belongs to another worker now; this one's result is dropped.
    """

    def __init__(
        self,
        claims: Claims,
        claimed: Claim,
        seconds: float = INTERVALS.beat,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lost = False
        self._claims = claims
        self._claimed = claimed
        self._seconds = seconds
        self._clock = clock
        self._last_beat_at = clock()
        self._beating = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the thread."""
        self._over.set()
        self._thread.join(self._seconds)  # it may be waiting for an unreachable storage

    def require(self) -> None:
        """Refuse to go on with a trial that is lost.

        A worker that hung so long that it may have seemed dead asks the storage first.

        Raises:
            ClaimLostError: the trial is lost.
        """
        if self._clock() - self._last_beat_at >= INTERVALS.grace:
            self._beat()
        if self.lost:
            raise ClaimLostError(f"trial {self._claimed.number} was taken over")

    def _beat_on(self) -> None:
        while not self.lost and not self._over.wait(self._seconds):
            self._beat()

    def _beat(self) -> None:
        if not self._beating.acquire(blocking=False):
            return  # the other thread beats, and may be waiting for an unreachable storage
        try:
            self.lost = not self._claims.beat(self._claimed)
            self._claims.live()  # this notes which other workers' beats have changed
            self._last_beat_at = self._clock()
        except (StudyhallError, OSError):
            return  # the storage is unreachable or full; the next beat tries again
        finally:
            self._beating.release()
