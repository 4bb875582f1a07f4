"""What a launch is asked while it runs, by whoever uses the storage of its study."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.runner.interrupts import Stop, Terminated, ended_when
from studyhall.search.study.study import StopAsked, Study


class StopRequests:
    """Requests to stop that come after a launch began.

    Args:
        study: The study; of finalists the search, whose name users know.
        before: How often it had been asked when the launch began; by default as often as now.
    """

    def __init__(self, study: Study, before: int | None) -> None:
        self._study = study
        self._before = study.stop_asked().times if before is None else before

    def heed(self, stop: Stop, notify: Callable[[str], None]) -> None:
        """Have a launch finish what runs, if it was asked to.

        Raises:
            Terminated: it was asked to stop at once.
        """
        if (asked := self._newest()) is None:
            return
        if asked.at_once:
            raise Terminated(signal.SIGTERM)
        if not stop.requested:
            stop.requested = True
            notify("Stopping after the running trials, as `studyhall stop` asked.")

    def watched(self) -> AbstractContextManager[None]:
        """End this process when it is asked to stop at once, though it asks nothing itself."""
        return ended_when(self._is_at_once, INTERVALS.order)

    def _is_at_once(self) -> bool:
        asked = self._newest()
        return asked is not None and asked.at_once

    def _newest(self) -> StopAsked | None:
        asked = self._study.stop_asked()
        return asked if asked.times > self._before else None
