"""CMA-ES: a normal distribution that moves towards the better trials of a study."""

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

DEVIATION = 0.2  # of the first distribution; its mean is the middle of every range
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class EvolutionSampler(BaseSampler):
    """Draws the numerical parameters of a trial from a distribution fitted to earlier trials.

    The distribution is a function of the visible trials. In the order of their numbers they form
    groups of the population's size, and the better half of each group moves the distribution.
    Enqueued points count like all others. Trials that completed rank before pruned ones, those
    pruned later before those pruned earlier; failed ones, most of which diverged, are last. Without
    them the distribution would stay where they were drawn.

    Parameters with a list of choices, and those with a condition, are drawn at random.

    This is the CMA-ES of Hansen (2016), arXiv 1604.00772, except that groups follow the numbers of
    trials instead of generations: while trials still run, part of a generation is drawn before the
    previous one is known. Optuna's CmaEsSampler drops such trials, half of all with a window of one
    population, and keeps its state as pickles in the storage.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = always_numerical(space)
        own, others = np.random.SeedSequence(seed).generate_state(2)  # independent of each other
        self._seed = int(own)
        self._others = RandomSampler(seed=int(others))
        self._values: dict[str, Any] | None = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return no parameters: relative sampling would need their distributions beforehand."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return no values: every parameter is drawn by `sample_independent`."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of one parameter; all numbers are drawn together at the first call."""
        if param_name not in self._space:
            return self._others.sample_independent(study, trial, param_name, param_distribution)
        if self._values is None:
            self._values = self._drawn(study)
        return self._values[param_name]

    def _drawn(self, study: Study) -> dict[str, Any]:
        trials = study.get_trials(deepcopy=False, states=_FINISHED)
        whole = [trial for trial in trials if self._space.keys() <= trial.params.keys()]
        size = population(len(self._space))
        groups = list[Group]()
        for start in range(0, len(whole) - size + 1, size):
            ranked = sorted(whole[start : start + size], key=lambda t: _rank(t, study.direction))
            groups.append(tuple(self._place(trial) for trial in ranked))
        places = _evolution(len(self._space), groups).ask(self._seed)
        return {
            name: from_unit(parameter, place)
            for (name, parameter), place in zip(self._space.items(), places, strict=True)
        }

    def _place(self, trial: FrozenTrial) -> Places:
        return tuple(to_unit(p, trial.params[name]) for name, p in self._space.items())


def _rank(trial: FrozenTrial, direction: StudyDirection) -> tuple[float, ...]:
    """The key to sort trials by, the best first."""
    sign = -1 if direction == StudyDirection.MAXIMIZE else 1
    if trial.state is TrialState.COMPLETE and trial.value is not None:
        return 0, sign * trial.value
    if trial.state is TrialState.PRUNED and trial.last_step is not None:
        return 1, -trial.last_step, sign * trial.intermediate_values[trial.last_step]
    return (2,)


def population(dimensions: int) -> int:
    """The number of trials in a group: Hansen's default for this number of parameters."""
    return 4 + math.floor(3 * math.log(dimensions))


class Evolution:
    """The distribution after some groups of trials, each trial as its place in the unit cube."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.groups: list[Group] = []
        self._optimizer = self._fresh()

    def tell(self, group: Group) -> None:
        """Move the distribution; one that has shrunk to a point starts over.

        Args:
            group: `population(dimensions)` places, the best first.
        """
        self._optimizer.tell([(np.array(places), rank) for rank, places in enumerate(group)])
        if len(set(group)) == 1 or self._optimizer.should_stop():
            self._optimizer = self._fresh()
        self.groups.append(group)

    def ask(self, seed: int) -> list[float]:
        """Draw a place: a function of the groups and the seed."""
        self._optimizer.reseed_rng(seed)
        places: list[float] = self._optimizer.ask().tolist()
        return places

    def _fresh(self) -> CMA:
        from cmaes import CMA  # imports SciPy, half a second that other samplers do not need

        middle, bounds = np.full(self.dimensions, 0.5), np.array([[0.0, 1.0]] * self.dimensions)
        return CMA(middle, DEVIATION, bounds, population_size=population(self.dimensions))


_last: Evolution | None = None


def _evolution(dimensions: int, groups: list[Group]) -> Evolution:
    """The distribution after `groups`; it continues from the last one if it can."""
    global _last  # the next trial of a worker sees the same trials as its last, and a few more
    found = _last
    if not (
        found and found.dimensions == dimensions and found.groups == groups[: len(found.groups)]
    ):
        found = Evolution(dimensions)
    _last = None  # an interrupted update must not be continued
    for group in groups[len(found.groups) :]:
        found.tell(group)
    _last = found
    return found
