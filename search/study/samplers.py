"""From the search space of a study to the parameters of a trial; the only caller of `suggest_*`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, PartialFixedSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from studyhall.search.config import parameters
from studyhall.search.config.parameters import Parameter, from_unit
from studyhall.search.config.search_space import Grid, Point, Space, holds
from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import FinalistsSpec, StudySpec
from studyhall.search.study.evolution import EvolutionSampler


def sampler_for(spec: StudySpec, number: int) -> BaseSampler:
    """The sampler that proposes trial `number`: a function of the study's seed and the number.

    A sampler carried from trial to trial would make a proposal depend on which worker it reached.
    """
    seed = int(np.random.SeedSequence([spec.study.seed, number]).generate_state(1)[0])
    learning: dict[str, Callable[[], BaseSampler]] = {
        "tpe": lambda: TPESampler(seed=seed),
        "cmaes": lambda: EvolutionSampler(spec.search_space, seed),
        "gp": lambda: ReproducibleGPSampler(seed=seed),
    }
    sampler = learning.get(spec.study.sampler, lambda: RandomSampler(seed=seed))()
    fixed = fixed_point(spec, number)
    if not fixed:
        return sampler
    with warnings.catch_warnings():  # Optuna has called it experimental since 2021
        warnings.simplefilter("ignore", ExperimentalWarning)
        return PartialFixedSampler(fixed, sampler)


def fixed_point(spec: StudySpec, number: int) -> dict[str, Scalar]:
    """The values that trial `number` is given, not proposed: those of an enqueued or counted point.

    The points of a grid and of a quasi-random sequence are functions of their number.
    """
    if number < len(spec.enqueue) or isinstance(spec, FinalistsSpec):
        return spec.enqueued(number)
    number -= len(spec.enqueue)
    if spec.study.sampler == "grid":
        return Grid(spec.search_space).point(number)
    if spec.study.sampler == "qmc":
        return quasi_random_point(spec.search_space, spec.study.seed, number)
    return {}


def suggest(trial: Trial, spec: StudySpec) -> dict[str, Scalar]:
    """Every active parameter of the search space, as Optuna proposes it for `trial`."""
    point: Point = {}
    for name, parameter in spec.search_space.items():
        if holds(parameter, point):
            distribution = distribution_of(parameter)
            value = _suggest(trial, name, distribution)
            # As the storage keeps it: an enqueued 1 of a real parameter is 1.0 there.
            kept = distribution.to_external_repr(distribution.to_internal_repr(value))
            point[name] = cast("Scalar", kept)
    return point


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """The range of a parameter as Optuna's distribution; the only place that makes one."""
    if isinstance(parameter, parameters.CategoricalParameter):
        return CategoricalDistribution(parameter.choices)
    low, high, log = parameter.low, parameter.high, parameter.log
    if isinstance(parameter, parameters.FloatParameter):
        return FloatDistribution(low, high, log=log, step=parameter.step)
    return IntDistribution(parameter.low, parameter.high, log=log, step=parameter.step)


def _suggest(trial: Trial, name: str, range_: Any) -> Any:
    if isinstance(range_, CategoricalDistribution):
        return trial.suggest_categorical(name, range_.choices)
    ask: Any = trial.suggest_float if isinstance(range_, FloatDistribution) else trial.suggest_int
    return ask(name, range_.low, range_.high, step=range_.step, log=range_.log)


class ReproducibleGPSampler(GPSampler):
    """Optuna's, on one thread: the last bits of a sum depend on the number of threads."""

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of all parameters that every trial has, once ten trials have completed."""
        import scipy.linalg  # noqa: F401  threadpoolctl limits the libraries that are loaded
        import torch
        from threadpoolctl import threadpool_limits

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with threadpool_limits(1):
                return super().sample_relative(study, trial, search_space)
        finally:
            torch.set_num_threads(before)


def quasi_random_point(space: Space, seed: int, number: int) -> Point:
    """Point `number`, from 0, of a scrambled Sobol' sequence: a function of seed and number alone.

    Any stretch of the sequence covers the space, so that a study can end anywhere and be extended.
    Every parameter has a dimension; a point leaves out those whose conditions do not hold.

    The sequence is Sobol's (1967) with Owen's scrambling as Matousek (1998) does it. Optuna's
    QMCSampler draws from the same one, but numbers its points by the order in which workers ask.
    """
    from scipy.stats.qmc import Sobol  # half a second, which other samplers do without

    sequence = Sobol(len(space), rng=np.random.default_rng(seed))
    if number:  # SciPy cannot skip 0 points
        sequence.fast_forward(number)
    point: Point = {}
    for (name, parameter), place in zip(space.items(), sequence.random(1)[0].tolist(), strict=True):
        if holds(parameter, point):
            point[name] = from_unit(parameter, place)
    return point
