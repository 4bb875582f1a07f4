"""A thread that says every few seconds that this worker lives, and listens to the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.study.claim import Claimed
from studyhall.search.study.claims import Claims


class ClaimLostError(StudyhallError):
    """The trial was taken over: this worker was taken for dead."""


class Heartbeat:
    """Beats while it is entered.

    Args:
        claims: The worker's claims.
        claimed: The trial that it is at.
        seconds: How long between two beats.
        clock: This process's own clock, in seconds.

    Attributes:
        lost: whether the trial has become another worker's; what this one makes of it is dropped.
    """

    def __init__(
        self,
        claims: Claims,
        claimed: Claimed,
        seconds: float = INTERVALS.beat,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lost = False
        self._claims = claims
        self._claimed = claimed
        self._seconds = seconds
        self._clock = clock
        self._beaten = clock()
        self._beating = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Fall silent."""
        self._over.set()
        self._thread.join(self._seconds)  # it may be waiting for a storage that is away

    def require(self) -> None:
        """Go no further with a trial that is lost.

        A worker that hung so long that it may have been taken for dead asks before it goes on.

        Raises:
            ClaimLostError: it is.
        """
        if self._clock() - self._beaten >= INTERVALS.grace:
            self._beat()
        if self.lost:
            raise ClaimLostError(f"trial {self._claimed.number} was taken over")

    def _beat_on(self) -> None:
        while not self.lost and not self._over.wait(self._seconds):
            self._beat()

    def _beat(self) -> None:
        if not self._beating.acquire(blocking=False):
            return  # the other thread is at it, and maybe waits for a storage that is away
        try:
            self.lost = not self._claims.beat(self._claimed)
            self._claims.live()  # whose beat has changed is noticed
            self._beaten = self._clock()
        except (StudyhallError, OSError):
            return  # the storage is away or full; the next beat tries again
        finally:
            self._beating.release()
