"""The best of a search, trained again from fresh seeds: who they are, how they did, who won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, stdev

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from search.section import Scalar
from search.studies import finalists_name, recorded_finalists
from search.study import Study
from search.study_spec import (
    FinalistsSection,
    FinalistsSpec,
    Retraining,
    StudySpec,
)
from search.summary import StudySummary

_WINDOW = 1000  # none of them looks back on another
_REPETITION = "repeat"  # trials that differ in it alone are of one configuration


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
        finalists: Those with a training that completed, the winner first.
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
    def winner(self) -> Finalist:
        """The configuration with the best mean, of those that failed least."""
        return self.finalists[0]

    @property
    def typical(self) -> Retrained:
        """The winner's training in the middle by value, the worse of two: not the luckiest."""
        ranked = sorted(self.winner.retrained, key=lambda one: (self._sign * one.value, one.number))
        return ranked[(len(ranked) - 1) // 2]

    @property
    def optimism(self) -> float | None:
        """By how much the best in the search was better than the mean of its fresh trainings.

        The best of many trials is the best by luck too; this is the part of its lead that fresh
        seeds took back. Negative if they did better; None if all of them diverged.
        """
        best = max(self.finalists, key=lambda one: (self._sign * one.value, -one.trial))
        if self.leader in self.diverged:
            return None
        return self._sign * (best.value - best.mean)

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


def chosen(study: Study, configurations: int) -> list[FrozenTrial]:
    """The best configurations of a search, the best first, and the earlier of equals.

    Args:
        study: The search.
        configurations: How many; fewer if fewer have completed.
    """
    sign = -1 if study.spec.study.direction == "maximize" else 1
    complete = [t for t in study.trials() if t.state is TrialState.COMPLETE]
    ranked = sorted(complete, key=lambda t: (sign * (t.value or 0.0), t.number))
    distinct: dict[tuple[tuple[str, Scalar], ...], FrozenTrial] = {}
    for trial in ranked:
        distinct.setdefault(_configuration(trial), trial)
    return list(distinct.values())[:configurations]


def finalists_spec(
    search: StudySpec,
    trials: Sequence[FrozenTrial],
    wanted: FinalistsSection,
    recorded: StudySpec | None,
) -> FinalistsSpec:
    """The study that trains finalists again.

    What an earlier choice of finalists had trained keeps its place, so that it is done once.

    Args:
        search: The search's study.
        trials: The finalists, as `chosen` names them.
        wanted: How many seeds they are trained from.
        recorded: The finalists' study as it was recorded, if it was.
    """
    before = recorded.retrainings if isinstance(recorded, FinalistsSpec) else ()
    known = {(one.trial, one.seed) for one in before}
    new = [
        Retraining(trial=trial.number, seed=seed, parameters=dict(trial.params))
        for seed in range(1, wanted.seeds + 1)
        for trial in trials
        if (trial.number, seed) not in known
    ]
    retrainings = (*before, *new)
    study = search.study.model_copy(
        update={
            "name": finalists_name(search.study.name),
            "trials": len(retrainings),
            "window": _WINDOW,
            "sampler": "random",
            "pruner": "none",
        }
    )
    values = {name: getattr(search, name) for name in type(search).model_fields}
    values |= {"study": study, "enqueue": (), "finalists": wanted}
    return FinalistsSpec(**values, search=search.study.name, retrainings=retrainings)


def with_finals(summary: StudySummary, search: Study, storage: BaseStorage) -> StudySummary:
    """A search's summary with how its finalists did, and whether some are still to be trained."""
    finals = recorded_finals(storage, search)
    done = finals is not None and finals.current
    pending = search.spec.finalists is not None and summary.best is not None and not done
    return replace(summary, finals=finals, finals_pending=pending)


def recorded_finals(storage: BaseStorage, search: Study) -> Finals | None:
    """How the finalists of a search did; None while none of them is trained again.

    Args:
        storage: Where both studies are recorded.
        search: The search's study.
    """
    study = recorded_finalists(storage, search)
    return finals_of(study, search) if study else None


def finals_of(study: Study, search: Study) -> Finals | None:
    """How the finalists in a study of their own did; None while none of them is trained.

    Args:
        study: The finalists' study.
        search: The search that they are the best of.
    """
    spec = study.spec
    if not isinstance(spec, FinalistsSpec) or spec.finalists is None:
        return None
    seeds, ranked = spec.finalists.seeds, chosen(search, len(search.trials()))
    again, named = study.trials(), {one.trial for one in spec.retrainings}
    trained = {
        trial.number: finalist
        for trial in ranked
        if trial.number in named and (finalist := _finalist(trial, again, spec, seeds)) is not None
    }
    best = [trial.number for trial in ranked[: spec.finalists.configurations]]
    current = all(number in trained for number in best)
    considered = [trained[number] for number in best] if current else list(trained.values())
    found = [one for one in considered if one.retrained]
    if not found:
        return None
    sign = -1 if spec.study.direction == "maximize" else 1
    return Finals(
        study=spec.study.name,
        metric=spec.study.metric,
        direction=spec.study.direction,
        seeds=seeds,
        finalists=tuple(sorted(found, key=lambda one: (one.failed, sign * one.mean, one.trial))),
        leader=considered[0].trial,
        diverged=tuple(one.trial for one in considered if not one.retrained),
        current=current,
    )


def _finalist(
    trial: FrozenTrial, trials: Sequence[FrozenTrial], spec: FinalistsSpec, seeds: int
) -> Finalist | None:
    """A trial of the search with its fresh trainings; None if not all of them have ended."""
    own = [
        (number, one.seed)
        for number, one in enumerate(spec.retrainings[: len(trials)])
        if one.trial == trial.number and one.seed <= seeds and trials[number].state.is_finished()
    ]
    if len(own) < seeds:
        return None
    complete = [
        Retrained(number, seed, float(trials[number].value or 0.0))
        for number, seed in own
        if trials[number].state is TrialState.COMPLETE
    ]
    return Finalist(
        trial=trial.number,
        value=float(trial.value or 0.0),
        parameters=dict(trial.params),
        retrained=tuple(complete),
        failed=len(own) - len(complete),
    )


def _configuration(trial: FrozenTrial) -> tuple[tuple[str, Scalar], ...]:
    return tuple((n, v) for n, v in sorted(trial.params.items()) if n != _REPETITION)
