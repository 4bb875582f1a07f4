"""CMA-ES: a normal distribution that moves to where a study's better trials are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from studyhall.search.config.parameters import always_numerical, from_unit, to_unit
from studyhall.search.config.search_space import Space

if TYPE_CHECKING:
    from cmaes import CMA

Places = tuple[float, ...]
Group = tuple[Places, ...]

DEVIATION = 0.2  # of the first distribution, around the middle of every range
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class EvolutionSampler(BaseSampler):
    """Draws a trial's numbers from the distribution that the trials before it have led to.

    The distribution is a function of the visible trials: in the order of their numbers, a group of
    the population's size after the other, the better half of each pulls it along. Enqueued points
    count like all others. A trial that was pruned or failed stands behind all that completed: the
    later a trial was pruned the better, and failed ones, whose loss most often diverged, are last.
    Left out, they would leave the distribution where they were drawn from.

    Parameters with a list of choices, and those with a condition, are drawn at random.

    This is the CMA-ES of Hansen (2016), arXiv 1604.00772, told of trials in the order of their
    numbers instead of generation by generation: with trials still running, part of a generation is
    drawn before the one before it is known. Optuna's CmaEsSampler drops such trials, half of all
    with a window of one population, and keeps its state as pickles in the storage.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = always_numerical(space)
        own, others = np.random.SeedSequence(seed).generate_state(2)  # else they would go together
        self._seed = int(own)
        self._others = RandomSampler(seed=int(others))
        self._values: dict[str, Any] | None = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Nothing: what Optuna calls relative sampling would have to know the distributions."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing, see above."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of one parameter; all numbers are drawn together when the first is wanted."""
        if param_name not in self._space:
            return self._others.sample_independent(study, trial, param_name, param_distribution)
        if self._values is None:
            self._values = self._drawn(study)
        return self._values[param_name]

    def _drawn(self, study: Study) -> dict[str, Any]:
        trials = study.get_trials(deepcopy=False, states=_FINISHED)
        whole = [trial for trial in trials if self._space.keys() <= trial.params.keys()]
        size = population(len(self._space))
        groups = [
            self._group(whole[start : start + size], study.direction)
            for start in range(0, len(whole) - size + 1, size)
        ]
        places = _evolution(len(self._space), groups).ask(self._seed)
        return {
            name: from_unit(parameter, place)
            for (name, parameter), place in zip(self._space.items(), places, strict=True)
        }

    def _group(self, trials: list[FrozenTrial], direction: StudyDirection) -> Group:
        best_first = sorted(trials, key=lambda trial: _rank(trial, direction))
        return tuple(
            tuple(to_unit(p, trial.params[name]) for name, p in self._space.items())
            for trial in best_first
        )


def _rank(trial: FrozenTrial, direction: StudyDirection) -> tuple[float, ...]:
    """What trials are compared by, the least being the best."""
    sign = -1 if direction == StudyDirection.MAXIMIZE else 1
    if trial.state is TrialState.COMPLETE and trial.value is not None:
        return 0, sign * trial.value
    if trial.state is TrialState.PRUNED and trial.last_step is not None:
        return 1, -trial.last_step, sign * trial.intermediate_values[trial.last_step]
    return (2,)


def population(dimensions: int) -> int:
    """How many trials a group has: Hansen's default."""
    return 4 + math.floor(3 * math.log(dimensions))


class Evolution:
    """The distribution that groups of places have led to."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.groups: list[Group] = []
        self._optimizer = self._fresh()

    def tell(self, group: Group) -> None:
        """Move the distribution; one that has shrunk to a point begins anew.

        Args:
            group: as many places as `population` says, the best first.
        """
        self._optimizer.tell([(np.array(places), rank) for rank, places in enumerate(group)])
        if len(set(group)) == 1 or self._optimizer.should_stop():
            self._optimizer = self._fresh()
        self.groups.append(group)

    def ask(self, seed: int) -> list[float]:
        """Draw places: a function of the groups and the seed."""
        self._optimizer.reseed_rng(seed)
        places: list[float] = self._optimizer.ask().tolist()
        return places

    def _fresh(self) -> CMA:
        from cmaes import CMA  # and with it SciPy, half a second that other samplers do without

        middle, bounds = np.full(self.dimensions, 0.5), np.array([[0.0, 1.0]] * self.dimensions)
        return CMA(middle, DEVIATION, bounds, population_size=population(self.dimensions))


_last: Evolution | None = None


def _evolution(dimensions: int, groups: list[Group]) -> Evolution:
    """The distribution after `groups`, going on from the last one asked for if that began so."""
    global _last  # a worker's next trial sees what its last one saw, and a few trials more
    found = _last
    if not (
        found and found.dimensions == dimensions and found.groups == groups[: len(found.groups)]
    ):
        found = Evolution(dimensions)
    _last = None  # until it is whole again: an interrupted one is not gone on with
    for group in groups[len(found.groups) :]:
        found.tell(group)
    _last = found
    return found
