"""How long a study still takes, judged by the trials that ended since the launch began."""

from __future__ import annotations

import math
from collections.abc import Callable

UNKNOWN = "-:--:--"


class TimeLeft:
    """Counts down from one trial to the next; as text, hours, minutes and seconds.

    Nothing is said before as many trials have ended as there are workers: the first of several that
    began together would count as all that was done in its time.

    Args:
        clock: Seconds that only grow.
        trials: How many are to end yet.
        workers: How many trials run at a time.
    """

    def __init__(self, clock: Callable[[], float], trials: int, workers: int) -> None:
        self._clock = clock
        self._trials = trials
        self._workers = max(workers, 1)
        self._began = self._latest = clock()
        self._ended = 0

    def trial(self) -> None:
        """Count a trial that ended, in this launch or in another of the same study."""
        self._ended += 1
        self._latest = self._clock()

    @property
    def seconds(self) -> float | None:
        """What is left; None as long as that cannot be told."""
        missing = self._trials - self._ended
        if missing <= 0:
            return 0.0
        if self._ended < self._workers:
            return None
        usual = (self._latest - self._began) / self._ended
        return max(usual * missing - (self._clock() - self._latest), 0.0)

    def __str__(self) -> str:
        if self.seconds is None:
            return UNKNOWN
        minutes, seconds = divmod(math.ceil(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}"
