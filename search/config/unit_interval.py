"""The values of a parameter as places between 0 and 1, for samplers that think in numbers.

Places that are spread evenly give values that are: on a log scale where the parameter has one, and
each step or choice a stretch of the interval of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from studyhall.search.config.parameters import (
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
)
from studyhall.search.config.section import Scalar

NumericalParameter = FloatParameter | IntParameter


def numbers_of_all(space: Mapping[str, Parameter]) -> dict[str, NumericalParameter]:
    """The parameters that are numbers and that every trial has."""
    return {
        name: parameter
        for name, parameter in space.items()
        if not isinstance(parameter, CategoricalParameter) and not parameter.conditions
    }


def from_unit(parameter: Parameter, place: float) -> Scalar:
    """The value of a parameter at a place in [0, 1]."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[_stretch(place, len(parameter.choices))]
    if isinstance(parameter, IntParameter):
        return _whole_number_at(parameter, place)
    low, high, step = parameter.low, parameter.high, parameter.step
    if step is not None:
        return min(low + step * _stretch(place, _steps(parameter)), high)
    if parameter.log:
        return min(max(math.exp(_between(math.log(low), math.log(high), place)), low), high)
    return min(max(_between(low, high, place), low), high)


def to_unit(parameter: NumericalParameter, value: float) -> float:
    """Where in [0, 1] a number stands: the middle of its stretch if it has one."""
    if parameter.log:
        return _share(math.log(value), *_log_ends(parameter))
    if parameter.step is None:
        return _share(value, parameter.low, parameter.high)
    return (round((value - parameter.low) / parameter.step) + 0.5) / _steps(parameter)


def _whole_number_at(parameter: IntParameter, place: float) -> int:
    if not parameter.log:
        return parameter.low + parameter.step * _stretch(place, _steps(parameter))
    number = round(math.exp(_between(*_log_ends(parameter), place)))
    return min(max(number, parameter.low), parameter.high)


def _log_ends(parameter: NumericalParameter) -> tuple[float, float]:
    """The ends of a log scale; half a number beyond the whole ones, which get stretches so."""
    beyond = 0.5 if isinstance(parameter, IntParameter) else 0.0
    return math.log(parameter.low - beyond), math.log(parameter.high + beyond)


def _steps(parameter: NumericalParameter) -> int:
    """How many values a parameter with a step has."""
    return round((parameter.high - parameter.low) / (parameter.step or 1)) + 1


def _stretch(place: float, count: int) -> int:
    """Which of `count` equal stretches of the interval a place is in."""
    return min(int(place * count), count - 1)


def _between(low: float, high: float, place: float) -> float:
    """The number at a place; high - low itself may be beyond the largest float."""
    return low * (1 - place) + high * place


def _share(value: float, low: float, high: float) -> float:
    """The place of a number; of neighbouring floats, whose logarithms are one, the middle."""
    width = high / 2 - low / 2
    return min(max((value / 2 - low / 2) / width, 0.0), 1.0) if width > 0 else 0.5
