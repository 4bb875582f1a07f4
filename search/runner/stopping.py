"""Stop the launches of a study from anywhere: the request goes through its storage."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass

from studyhall.search.common.errors import UsageError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.options import Options
from studyhall.search.runner.interrupts import Stop, Terminated, ended_when
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.studies import recorded_finalists
from studyhall.search.study.study import StopAsked, Study


@dataclass(frozen=True)
class Stopping:
    """A study whose launches were asked to stop, and the machines that run its trials."""

    study: str
    at_once: bool
    at_work: dict[int, str]

    def to_dict(self) -> dict[str, object]:
        """The same for JSON."""
        return asdict(self)


def stop(name: str, options: Options | None = None, *, at_once: bool = False) -> Stopping:
    """Ask all launches of a study to finish the trials that run, or to stop at once.

    They notice it within a second, wherever they run. Finished trials are kept, and a new launch
    resumes the study.

    Args:
        name: The study.
        options: Where it is recorded.
        at_once: Leave the running trials unfinished.

    Raises:
        UsageError: There is no such study.
    """
    options = options or Options()
    study = open_recorded(name, options.address, writable=True)
    if study.search_id is not None:
        raise UsageError(f"{name}: is a study of finalists; name the search, whose launch has both")
    study.ask_to_stop(at_once=at_once)
    finalists = recorded_finalists(study)
    at_work = study.at_work() | (finalists.at_work() if finalists else {})
    return Stopping(name, at_once, at_work)


class StopRequests:
    """Requests to stop that come after a launch began.

    Args:
        study: The study; for finalists the search, whose name users know.
        before: How many requests there were when the launch began; by default as many as now.
    """

    def __init__(self, study: Study, before: int | None) -> None:
        self._study = study
        self._before = study.stop_asked().times if before is None else before

    def heed(self, stop: Stop, notify: Callable[[str], None]) -> None:
        """Set `stop` if the launch was asked to finish the running trials.

        Raises:
            Terminated: It was asked to stop at once.
        """
        if (asked := self._newest()) is None:
            return
        if asked.at_once:
            raise Terminated(signal.SIGTERM)
        if not stop.requested:
            stop.requested = True
            notify("Stopping after the running trials, as `studyhall stop` asked.")

    def watched(self) -> AbstractContextManager[None]:
        """End this process when it is asked to stop at once, while its main thread trains."""
        return ended_when(self._is_at_once, INTERVALS.order)

    def _is_at_once(self) -> bool:
        asked = self._newest()
        return asked is not None and asked.at_once

    def _newest(self) -> StopAsked | None:
        asked = self._study.stop_asked()
        return asked if asked.times > self._before else None
