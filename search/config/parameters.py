"""The parameters of a search space: what each may be given, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from studyhall.search.config.section import Scalar, Section, as_tuple, rule


def _as_condition(value: object) -> object:
    """A `when` with a tuple of values for each name; a value alone is short for a list of one."""
    if not isinstance(value, dict):
        return value
    if not value:
        raise rule("must name one parameter at least and its value, got {}")
    condition = {name: _listed(values) for name, values in value.items()}
    for name, values in condition.items():
        if not values or not all(isinstance(item, Scalar) for item in values):
            raise rule(f"must give {name} a value or a list of values, got {value[name]!r}")
    return condition


def _listed(values: object) -> tuple[object, ...]:
    return tuple(values) if isinstance(values, list | tuple) else (values,)


class _Conditional(Section):
    when: Annotated[dict[str, tuple[Scalar, ...]], BeforeValidator(_as_condition)] | None = Field(
        None,
        description="Search it only where earlier categorical parameters have one of these values.",
    )

    @property
    def conditions(self) -> Mapping[str, tuple[Scalar, ...]]:
        """The values that earlier parameters must have; none for a parameter of every trial."""
        return self.when or {}


class _Range(_Conditional):
    log: bool = Field(
        False,
        description="Draw evenly on a logarithmic scale: `low` above 0, no `step`.",
    )

    def _check(self, low: float, high: float, step: float | None) -> None:
        if low >= high:
            raise rule(f"low must be below high, got {low} and {high}")
        if step is not None and not _on_step(high - low, step):
            raise rule(f"high must be low and a number of steps, got {low}, {high} and {step}")
        if self.log and low <= 0:
            raise rule(f"low must be above zero on a log scale, got {low}")
        if self.log and step not in (None, 1):
            raise rule(f"step cannot be given with log = true, got {step}")


class FloatParameter(_Range):
    """A real number between `low` and `high`, both included."""

    type: Literal["float"] = Field(description="A real number.")
    low: Annotated[float, Field(allow_inf_nan=False)] = Field(description="The least value.")
    high: Annotated[float, Field(allow_inf_nan=False)] = Field(
        description="The greatest value; above `low`."
    )
    step: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The distance between two values; `high` is `low` and a number of steps."
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        self._check(self.low, self.high, self.step)
        return self

    def contains(self, value: Scalar) -> bool:
        """Whether `value` can be proposed, bounds included."""
        inside = _is_number(value) and self.low <= float(value) <= self.high
        return inside and (self.step is None or _on_step(float(value) - self.low, self.step))

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """Values at the ends of the range: if both are valid settings, all between them are."""
        return self.low, self.high


class IntParameter(_Range):
    """A whole number between `low` and `high`, both included."""

    type: Literal["int"] = Field(description="A whole number.")
    low: int = Field(description="The least value.")
    high: int = Field(description="The greatest value; above `low`.")
    step: Annotated[int, Field(ge=1)] = Field(
        1, description="The distance between two values; `high` is `low` and a number of steps."
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        self._check(self.low, self.high, self.step)
        return self

    def contains(self, value: Scalar) -> bool:
        """Whether `value` can be proposed, bounds and step included."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return (
            whole
            and self.low <= int(value) <= self.high
            and not (int(value) - self.low) % self.step
        )

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """Values at the ends of the range: if both are valid settings, all between them are."""
        return self.low, self.high


class CategoricalParameter(_Conditional):
    """One of a list of values; the only kind that a grid is made of."""

    type: Literal["categorical"] = Field(description="One of a list.")
    choices: Annotated[tuple[Scalar, ...], BeforeValidator(as_tuple)] = Field(
        description="The values, one at least, all different."
    )

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


Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter, Field(discriminator="type")
]


def _on_step(distance: float, step: float) -> bool:
    return abs(distance / step - round(distance / step)) < 1e-9 * max(1.0, distance / step)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
