"""How the finalists of a search did and how far they are trained, in plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import fmean, stdev

from studyhall.search.config.section import Scalar


@dataclass(frozen=True)
class Retrained:
    """A finalist trained from one fresh seed: its trial among the finalists' and its value."""

    number: int
    seed: int
    value: float


@dataclass(frozen=True)
class Finalist:
    """A configuration of a search and how it did when it was trained again.

    Attributes:
        trial: The trial of the search.
        value: Its value there.
        parameters: What it was given of the search space.
        retrained: Its trainings from fresh seeds that completed, in the order of the seeds.
        failed: How many others diverged.
    """

    trial: int
    value: float
    parameters: dict[str, Scalar]
    retrained: tuple[Retrained, ...]
    failed: int

    @property
    def values(self) -> tuple[float, ...]:
        """What the fresh seeds gave."""
        return tuple(one.value for one in self.retrained)

    @property
    def mean(self) -> float:
        """Their mean; one at least has completed."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation (with n - 1), if there are two at least."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Finals:
    """The finalists of a search, the best by mean first.

    Attributes:
        study: The finalists' own study.
        metric: What the search selects by.
        direction: "maximize" or "minimize".
        seeds: How many fresh seeds each was to be trained from.
        finalists: Those with a training that completed, the winner first; none if all diverged.
        leader: The best trial of the search among them.
        diverged: The trials of which no training completed.
        current: Whether they are the best of the search as it is now, all of them trained. If not,
            they are those that were trained before more trials came, or the first of them.
    """

    study: str
    metric: str
    direction: str
    seeds: int
    finalists: tuple[Finalist, ...]
    leader: int = -1
    diverged: tuple[int, ...] = ()
    current: bool = True

    @property
    def trials(self) -> frozenset[int]:
        """Their trials in the search."""
        return frozenset((*self.diverged, *(one.trial for one in self.finalists)))

    @property
    def winner(self) -> Finalist | None:
        """The configuration with the best mean, of those that failed least; None of none."""
        return self.finalists[0] if self.finalists else None

    @property
    def all_diverged(self) -> bool:
        """Whether the best are all trained, and none of them to its end: then none can win."""
        return self.current and not self.finalists

    @property
    def typical(self) -> Retrained | None:
        """The winner's training in the middle by value, the worse of two: not the luckiest."""
        if self.winner is None:
            return None
        ranked = sorted(self.winner.retrained, key=lambda one: (self._sign * one.value, one.number))
        return ranked[(len(ranked) - 1) // 2]

    @property
    def optimism(self) -> float | None:
        """By how much the best in the search was better than the mean of its fresh trainings.

        The best of many trials is the best by luck too; this is the part of its lead that fresh
        seeds took back. Negative if they did better; None if all of them diverged.
        """
        if self.leader in self.diverged:
            return None
        return self._sign * (self.luckiest.value - self.luckiest.mean)

    @property
    def luckiest(self) -> Finalist:
        """The finalist that was the best in the search.

        Raises:
            ValueError: there are no finalists.
        """
        return max(self.finalists, key=lambda one: (self._sign * one.value, -one.trial))

    @property
    def _sign(self) -> int:
        return 1 if self.direction == "maximize" else -1

    def to_dict(self) -> dict[str, object]:
        """The finals as JSON holds them."""
        rows = [
            {**asdict(one), "mean": one.mean, "deviation": one.deviation} for one in self.finalists
        ]
        return {
            "study": self.study,
            "seeds": self.seeds,
            "finalists": rows,
            "optimism": self.optimism,
            "diverged": list(self.diverged),
            "current": self.current,
        }


@dataclass(frozen=True)
class FinalsProgress:
    """How far the finalists are trained that are the best of a search as it is now.

    Attributes:
        done: How many of their trainings from fresh seeds have ended.
        wanted: How many there are to be.
        to_go_on: The command that trains the others; None if there are none, or the search is not
            done yet.
    """

    done: int
    wanted: int
    to_go_on: str | None
