"""The parameters of a search space: their values, when they are searched, and the unit interval.

Samplers that work with numbers alone see a value as a place between 0 and 1 (`to_unit`,
`from_unit`). Evenly spread places give evenly spread values: on a log scale where the parameter has
one, and with an equal stretch of the interval for each step or choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from studyhall.search.common.words import shown
from studyhall.search.config.section import (
    Count,
    Scalar,
    Section,
    TupleOf,
    is_recorded,
    only_in_files,
    rule,
)

_MOST_STEPS = 1_000_000
_LARGEST_INT = 2**53  # Optuna keeps numbers as floats, which tell no greater whole numbers apart
Whole = Annotated[
    int,
    Field(ge=-_LARGEST_INT, le=_LARGEST_INT),
    only_in_files("less_than_equal", "greater_than_equal"),
]


def _as_condition(value: object) -> object:
    """A `when` with a tuple of values for each name; a single value is short for a list of one."""
    if not isinstance(value, dict):
        return value
    if not value:
        raise rule("must name one parameter at least and its value, got {}")
    condition = {n: tuple(v) if isinstance(v, list | tuple) else (v,) for n, v in value.items()}
    for name, values in condition.items():
        if not values or not all(isinstance(item, Scalar) for item in values):
            raise rule(f"must give {name} a value or a list of values, got {shown(value[name])}")
    return condition


class _Conditional(Section):
    when: Annotated[dict[str, tuple[Scalar, ...]], BeforeValidator(_as_condition)] | None = Field(
        None,
        description="Search it only where earlier categorical parameters have one of these values.",
    )

    @property
    def conditions(self) -> Mapping[str, tuple[Scalar, ...]]:
        """The values that earlier parameters must have; empty for a parameter of every trial."""
        return self.when or {}


class _Range(_Conditional):
    log: bool = Field(
        False,
        description="Draw evenly on a logarithmic scale; needs `low` above 0 and no `step`.",
    )

    def _check(self, low: float, high: float, step: float | None) -> None:
        if low >= high:
            raise rule(f"low must be below high, got {low} and {high}")
        if isinstance(step, float) and (high - low) / step > _MOST_STEPS:
            raise rule(f"step must leave at most {_MOST_STEPS} steps in the range, got {step}")
        if step is not None and not _divides(low, high, step):
            raise rule(f"high must be low and a number of steps, got {low}, {high} and {step}")
        if self.log and low <= 0:
            raise rule(f"low must be above zero on a log scale, got {low}")
        if self.log and step is not None:
            raise rule(f"step cannot be given with log = true, got {step}")


class FloatParameter(_Range):
    """A real number between `low` and `high`, both included."""

    type: Literal["float"] = Field(description="A real number.")
    low: float = Field(description="The least value.")
    high: float = Field(description="The greatest value; above `low`.")
    step: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="The distance between two values; `high` is `low` plus a number of steps.",
    )

    @model_validator(mode="after")
    def _bounds(self, info: ValidationInfo) -> Self:
        self._check(self.low, self.high, None if is_recorded(info) else self.step)
        return self

    def contains(self, value: Scalar) -> bool:
        """Whether `value` can be proposed, bounds included."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        inside = number and self.low <= float(value) <= self.high
        return inside and (self.step is None or _on_step(self.low, float(value), self.step))

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """The ends of the range: if both are valid settings, all values between them are."""
        return self.low, self.high


class IntParameter(_Range):
    """A whole number between `low` and `high`, both included."""

    type: Literal["int"] = Field(description="A whole number.")
    low: Whole = Field(description="The least value.")
    high: Whole = Field(description="The greatest value; above `low`.")
    step: Count = Field(
        1,
        description="The distance between two values; `high` is `low` plus a number of steps.",
    )

    @model_validator(mode="after")
    def _bounds(self, info: ValidationInfo) -> Self:
        unchecked = self.step == 1 or is_recorded(info)
        self._check(self.low, self.high, None if unchecked else self.step)
        return self

    def contains(self, value: Scalar) -> bool:
        """Whether `value` can be proposed, bounds and step included."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        inside = whole and self.low <= int(value) <= self.high
        return inside and not (int(value) - self.low) % self.step

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """The ends of the range: if both are valid settings, all values between them are."""
        return self.low, self.high


class CategoricalParameter(_Conditional):
    """One of a list of values; the only kind that a grid can have."""

    type: Literal["categorical"] = Field(description="One of a list.")
    choices: TupleOf[Scalar] = Field(description="The values, one at least, all different.")

    @model_validator(mode="after")
    def _choices(self) -> Self:
        if not self.choices:
            raise rule("choices must hold one value at least, got []")
        if len(set(self.choices)) < len(self.choices):
            raise rule(f"choices must differ from one another, got {list(self.choices)}")
        return self

    def contains(self, value: Scalar) -> bool:
        """Whether `value` is one of the choices."""
        return value in self.choices

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """Every choice."""
        return self.choices


NumericalParameter = FloatParameter | IntParameter
Parameter = Annotated[NumericalParameter | CategoricalParameter, Field(discriminator="type")]


def always_numerical(space: Mapping[str, Parameter]) -> dict[str, NumericalParameter]:
    """The parameters of a space that are numbers and that every trial has."""
    return {
        name: parameter
        for name, parameter in space.items()
        if not isinstance(parameter, CategoricalParameter) and not parameter.conditions
    }


def from_unit(parameter: Parameter, place: float) -> Scalar:
    """The value of a parameter at a place in [0, 1]."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[_stretch(place, len(parameter.choices))]
    low, high = parameter.low, parameter.high
    if parameter.log:
        number = math.exp(_between(*_log_ends(parameter), place))
        whole = isinstance(parameter, IntParameter)
        return min(max(round(number) if whole else number, low), high)
    if parameter.step is None:
        return min(max(_between(low, high, place), low), high)
    return min(low + parameter.step * _stretch(place, _steps(parameter)), high)


def to_unit(parameter: NumericalParameter, value: float) -> float:
    """The place in [0, 1] of a number; for a number with a stretch, the middle of the stretch."""
    if parameter.log:
        return _share(math.log(value), *_log_ends(parameter))
    if parameter.step is None:
        return _share(value, parameter.low, parameter.high)
    return (round((value - parameter.low) / parameter.step) + 0.5) / _steps(parameter)


def _log_ends(parameter: NumericalParameter) -> tuple[float, float]:
    """The logarithms of the ends; whole numbers get half a number more, for stretches at both."""
    beyond = 0.5 if isinstance(parameter, IntParameter) else 0.0
    return math.log(parameter.low - beyond), math.log(parameter.high + beyond)


def _steps(parameter: NumericalParameter) -> int:
    """The number of values of a parameter with a step."""
    return round((parameter.high - parameter.low) / (parameter.step or 1)) + 1


def _stretch(place: float, count: int) -> int:
    """The index of the stretch, of `count` equal ones, in which a place lies."""
    return min(int(place * count), count - 1)


def _between(low: float, high: float, place: float) -> float:
    """The number at a place; high - low itself may be beyond the largest float."""
    return low * (1 - place) + high * place


def _share(value: float, low: float, high: float) -> float:
    """The place of a number; the middle if low and high are equal, as close logarithms can be."""
    width = high / 2 - low / 2
    return min(max((value / 2 - low / 2) / width, 0.0), 1.0) if width > 0 else 0.5


def _divides(low: float, high: float, step: float) -> bool:
    """Whether `high` is a value of Optuna's range; if not, Optuna would lower it.

    Optuna compares the numbers as they are written, so that 0.1 divides 0.3; and it takes the end
    only if that is on a step also in the arithmetic of the machine.
    """
    first, last, width = (Decimal(str(number)) for number in (low, high, step))
    return not (last - first) % width and _on_step(low, high, step)


def _on_step(low: float, value: float, step: float) -> bool:
    """Whether a value is on a step, with the tolerance of Optuna's FloatDistribution."""
    steps = (value - low) / step
    return abs(steps - round(steps)) < 1e-8
