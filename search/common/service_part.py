"""The result of checking one part of the service."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

CLOCK_SECONDS = 60.0  # a clock that differs by more is a problem


@dataclass(frozen=True)
class Part:
    """The findings about one part.

    Attributes:
        name: "database", "MLflow", "artifact store" or "cluster".
        place: Where it is, without a password.
        milliseconds: How long the check took; None if it failed.
        facts: Facts about it, by name.
        problems: A sentence each, without its full stop; empty if it is healthy.
        tried: Whether it could be checked at all; if not, `facts["state"]` says why.
    """

    name: str
    place: str
    milliseconds: float | None
    facts: dict[str, str | float]
    problems: tuple[str, ...] = ()
    tried: bool = True

    @property
    def healthy(self) -> bool:
        """Whether it has no problems."""
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
    """Counts milliseconds from its creation, rounded to tenths."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def milliseconds(self) -> float:
        """Milliseconds since its creation."""
        return round(1000 * (time.perf_counter() - self._started), 1)


def clock_problems(name: str, theirs: datetime, ours: datetime) -> tuple[float, tuple[str, ...]]:
    """The seconds by which a clock is ahead of this machine's, and a problem if that is too much.

    Args:
        name: The owner of the clock.
        theirs: The time on it, with its time zone.
        ours: The time on this machine at that moment.
    """
    ahead = round((theirs - ours).total_seconds(), 1)
    if abs(ahead) <= CLOCK_SECONDS:
        return ahead, ()
    way = "ahead of" if ahead > 0 else "behind"
    return ahead, (
        f"its clock is {abs(ahead):.0f} s {way} this machine's, and {CLOCK_SECONDS:.0f} s is the "
        f"most: records of {name} would have wrong times; set both by NTP",
    )
