"""The results of the finalists of a search, and the progress of their training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import fmean, stdev

from studyhall.search.config.section import Scalar


@dataclass(frozen=True)
class Retrained:
    """A training of a finalist from a fresh seed: its number in the finalists' study, its value."""

    number: int
    seed: int
    value: float


@dataclass(frozen=True)
class Finalist:
    """A configuration of a search, and the results of training it again.

    Attributes:
        trial: The number of its trial in the search.
        value: The value of that trial.
        parameters: The parameters of that trial.
        retrained: Its trainings from fresh seeds that completed, in the order of the seeds.
        failed: The number of its trainings that diverged.
    """

    trial: int
    value: float
    parameters: dict[str, Scalar]
    retrained: tuple[Retrained, ...]
    failed: int

    @property
    def values(self) -> tuple[float, ...]:
        """The values of its trainings from fresh seeds."""
        return tuple(one.value for one in self.retrained)

    @property
    def mean(self) -> float:
        """The mean of these values; at least one training has completed."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation (with n - 1); None for a single value."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Finals:
    """The finalists of a search, the best by mean first.

    Attributes:
        study: The finalists' own study.
        metric: The metric by which the search selects.
        direction: "maximize" or "minimize".
        seeds: The number of fresh seeds for each finalist.
        finalists: The finalists with a completed training, the winner first; empty if all diverged.
        leader: The number of the finalist whose trial was the best of the search.
        diverged: The numbers of the finalists without a completed training.
        current: Whether these are the best trials of the search as it is now, and all are trained.
            If not, the search was extended since, or only some of them are trained.
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
        """The numbers of all finalists' trials in the search."""
        return frozenset((*self.diverged, *(one.trial for one in self.finalists)))

    @property
    def winner(self) -> Finalist | None:
        """The finalist with the best mean among those with the fewest failures; None if none."""
        return self.finalists[0] if self.finalists else None

    @property
    def all_diverged(self) -> bool:
        """Whether all finalists are trained and no training completed, so that none can win."""
        return self.current and not self.finalists

    @property
    def typical(self) -> Retrained | None:
        """The winner's training with the median value, or the worse of the middle two."""
        if self.winner is None:
            return None
        ranked = sorted(self.winner.retrained, key=lambda one: (self._sign * one.value, one.number))
        return ranked[(len(ranked) - 1) // 2]

    @property
    def optimism(self) -> float | None:
        """The selection bias: the best score of the search minus the mean of its retrainings.

        It is positive if the search score was better, in either direction of the metric, and None
        if all retrainings of that trial diverged.
        """
        if self.leader in self.diverged:
            return None
        return self._sign * (self.search_leader.value - self.search_leader.mean)

    @property
    def search_leader(self) -> Finalist:
        """The finalist with the best score in the search.

        Raises:
            ValueError: There are no finalists.
        """
        return max(self.finalists, key=lambda one: (self._sign * one.value, -one.trial))

    @property
    def _sign(self) -> int:
        return 1 if self.direction == "maximize" else -1

    def to_dict(self) -> dict[str, object]:
        """The finals for JSON."""
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
    """The progress of training the finalists: the best trials of a search as it is now.

    Attributes:
        done: The number of their trainings from fresh seeds that have ended.
        wanted: The number of trainings wanted.
        to_go_on: The command that trains the rest; None if all are done, or the search is not.
    """

    done: int
    wanted: int
    to_go_on: str | None
