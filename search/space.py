"""From the search space of a study to the parameters of a trial; the only caller of `suggest_*`."""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, PartialFixedSampler, RandomSampler, TPESampler
from optuna.trial import Trial

from search.conditions import Point, holds
from search.grid import Grid
from search.parameters import FloatParameter, IntParameter, Parameter
from search.section import Scalar
from search.study_spec import StudySpec


def sampler_for(spec: StudySpec, number: int) -> BaseSampler:
    """The sampler that proposes trial `number`: a function of the study's seed and the number.

    A sampler carried from trial to trial would make a proposal depend on which worker it reached.
    """
    seed = int(np.random.SeedSequence([spec.study.seed, number]).generate_state(1)[0])
    sampler = TPESampler(seed=seed) if spec.study.sampler == "tpe" else RandomSampler(seed=seed)
    fixed = fixed_point(spec, number)
    if not fixed:
        return sampler
    with warnings.catch_warnings():  # Optuna has called it experimental since 2021
        warnings.simplefilter("ignore", ExperimentalWarning)
        return PartialFixedSampler(fixed, sampler)


def fixed_point(spec: StudySpec, number: int) -> dict[str, Scalar]:
    """The values that trial `number` is given rather than proposed: an enqueued or a grid point."""
    if number < len(spec.enqueue):
        return dict(spec.enqueue[number])
    if spec.study.sampler != "grid":
        return {}
    return Grid(spec.search_space).point(number - len(spec.enqueue))


def suggest(trial: Trial, spec: StudySpec) -> dict[str, Scalar]:
    """Every active parameter of the search space, as Optuna proposes it for `trial`."""
    point: Point = {}
    for name, parameter in spec.search_space.items():
        if holds(parameter, point):
            point[name] = _suggest(trial, name, parameter)
    return point


def _suggest(trial: Trial, name: str, parameter: Parameter) -> Scalar:
    if isinstance(parameter, FloatParameter):
        low, high = parameter.low, parameter.high
        return trial.suggest_float(name, low, high, step=parameter.step, log=parameter.log)
    if isinstance(parameter, IntParameter):
        low, high = parameter.low, parameter.high
        return trial.suggest_int(name, low, high, step=parameter.step, log=parameter.log)
    return cast("Scalar", trial.suggest_categorical(name, parameter.choices))
