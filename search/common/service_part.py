"""A part of the service and what a look at it found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

CLOCK_SECONDS = 60.0  # a clock that differs by more is a problem


@dataclass(frozen=True)
class Part:
    """What was found of one part.

    Attributes:
        name: "database", "MLflow", "artifact store" or "cluster".
        place: Where it is, without a password.
        milliseconds: How long the look took; None if it came to nothing.
        facts: What is known of it, by name.
        problems: A sentence each, without its stop; none if all is well.
        tried: Whether it could be tried at all; if not, `facts["state"]` says why.
    """

    name: str
    place: str
    milliseconds: float | None
    facts: dict[str, str | float]
    problems: tuple[str, ...] = ()
    tried: bool = True

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """The part as JSON holds it."""
        return {
            "name": self.name,
            "place": self.place,
            "healthy": self.healthy,
            "tried": self.tried,
            "milliseconds": self.milliseconds,
            **self.facts,
            "problems": list(self.problems),
        }


class Stopwatch:
    """Milliseconds since it was made, rounded to tenths."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._started = clock, clock()

    @property
    def milliseconds(self) -> float:
        """How long ago that was."""
        return round(1000 * (self._clock() - self._started), 1)


def clock_problems(name: str, theirs: datetime, ours: datetime) -> tuple[float, tuple[str, ...]]:
    """By how many seconds a clock is ahead of this machine's, and whether that is too much.

    Args:
        name: Whose clock it is.
        theirs: What it says, with its time zone.
        ours: What this machine's said then.
    """
    ahead = round((theirs - ours).total_seconds(), 1)
    if abs(ahead) <= CLOCK_SECONDS:
        return ahead, ()
    way = "ahead of" if ahead > 0 else "behind"
    return ahead, (
        f"its clock is {abs(ahead):.0f} s {way} this machine's, and {CLOCK_SECONDS:.0f} s is the "
        f"most: records of {name} would have wrong times; set both by NTP",
    )
