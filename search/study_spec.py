"""What a study is: the frozen, validated form of a study file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

NAME_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")

Scalar = bool | int | float | str
Metric = Literal["validation_accuracy", "validation_loss"]


class _Section(BaseModel):
    """A table of a study file: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _rule(message: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{message}", {"message": message})


class StudySection(_Section):
    """`[study]`: what is searched for, how, and for how long.

    `trials` is the total wanted; `window` is how far back a trial looks: trial *k* is proposed and
    pruned from the trials up to *k - window* alone, so that its result does not depend on timing.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN.pattern, max_length=100)]
    metric: Metric = "validation_accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    trials: Annotated[int, Field(ge=1)] = 40
    window: Annotated[int, Field(ge=1)] = 8
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = "none"

    @model_validator(mode="after")
    def _direction_fits_metric(self) -> Self:
        wanted = "maximize" if self.metric == "validation_accuracy" else "minimize"
        if self.direction != wanted:
            raise _rule(f"direction must be '{wanted}' for {self.metric}, got '{self.direction}'")
        return self


class DataSettings(_Section):
    """`[data]`: the data set, its split by index, and how pixels become numbers."""

    name: str
    train: Annotated[int, Field(ge=1)]
    validation: Annotated[int, Field(ge=1)]
    test: Annotated[int, Field(ge=1)] | None = None
    shuffle: bool = True
    seed: Annotated[int, Field(ge=0)] = 0
    preprocessing: Literal["standardize", "mean_image", "none"] = "standardize"


class NetworkSettings(_Section):
    """`[network]`: the widths of the hidden layers and how the weights begin."""

    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), BeforeValidator(_tuple)
    ]
    activation: Literal["relu"] = "relu"
    initializer: Literal["he", "normal"] = "he"
    initial_deviation: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _deviation_belongs_to_normal(self) -> Self:
        if self.initializer == "normal" and self.initial_deviation is None:
            raise _rule("initial_deviation must be given with initializer = 'normal'")
        if self.initializer == "he" and self.initial_deviation is not None:
            raise _rule("initial_deviation goes with initializer = 'normal' alone")
        return self


class TrainingSettings(_Section):
    """`[training]`: the optimizer and its rates; exactly one of `epochs` and `iterations`."""

    optimizer: Literal["sgd", "momentum", "nesterov"] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    l2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    batch_size: Annotated[int, Field(ge=1)] = 200
    sampling: Literal["shuffle", "with_replacement"] = "shuffle"
    epochs: Annotated[int, Field(ge=1)] | None = None
    iterations: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.iterations is None):
            raise _rule("exactly one of epochs and iterations must be given")
        return self

    def iterations_per_epoch(self, train: int) -> int:
        """How many minibatches make an epoch over `train` images."""
        if self.sampling == "with_replacement":
            return max(train // self.batch_size, 1)
        return -(-train // self.batch_size)

    def total_iterations(self, train: int) -> int:
        """How many minibatches a whole training over `train` images takes."""
        return self.iterations or (self.epochs or 0) * self.iterations_per_epoch(train)

    def total_epochs(self, train: int) -> int:
        """How many epoch records a whole training yields, a last partial epoch included."""
        return -(-self.total_iterations(train) // self.iterations_per_epoch(train))


class TrialSettings(_Section):
    """All that one training needs to know, with every sampled value in its place."""

    data: DataSettings
    network: NetworkSettings
    training: TrainingSettings


class _Range(_Section):
    log: bool = False

    def _check(self, low: float, high: float, step: float | None) -> None:
        if low >= high:
            raise _rule(f"low must be below high, got {low} and {high}")
        if step is not None and not _on_step(high - low, step):
            raise _rule(f"high must be low and a number of steps, got {low}, {high} and {step}")
        if self.log and low <= 0:
            raise _rule(f"low must be above zero on a log scale, got {low}")
        if self.log and step not in (None, 1):
            raise _rule(f"step cannot be given with log = true, got {step}")


class FloatParameter(_Range):
    """A real number between `low` and `high`, both included."""

    type: Literal["float"]
    low: Annotated[float, Field(allow_inf_nan=False)]
    high: Annotated[float, Field(allow_inf_nan=False)]
    step: Annotated[float, Field(gt=0)] | None = None

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

    type: Literal["int"]
    low: int
    high: int
    step: Annotated[int, Field(ge=1)] = 1

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


class CategoricalParameter(_Section):
    """One of a list of values; the only kind that a grid is made of."""

    type: Literal["categorical"]
    choices: Annotated[tuple[Scalar, ...], BeforeValidator(_tuple)]

    @model_validator(mode="after")
    def _choices(self) -> Self:
        if not self.choices:
            raise _rule("choices must hold one value at least, got []")
        if len(set(self.choices)) < len(self.choices):
            raise _rule(f"choices must differ from one another, got {list(self.choices)}")
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


class StudySpec(_Section):
    """A whole study file. `network` and `training` may name parameters of `search_space`.

    A parameter takes effect in one of two ways: it has the name of a key of `[data]`, `[network]`
    or `[training]`, or a value there is its name (`hidden = ["hidden_size"]`).
    """

    study: StudySection
    data: dict[str, Any]
    network: dict[str, Any]
    training: dict[str, Any]
    search_space: Annotated[dict[str, Parameter], Field(min_length=1)]
    enqueue: Annotated[tuple[dict[str, Scalar], ...], BeforeValidator(_tuple)] = ()

    @property
    def data_settings(self) -> DataSettings:
        """`[data]` as far as all trials share it: all but a searched preprocessing."""
        return DataSettings(**{"preprocessing": "none", **self.data})

    def examples(self) -> list[dict[str, Scalar]]:
        """Points of the search space at whose corners one parameter after the other stands."""
        base = {name: parameter.examples[0] for name, parameter in self.search_space.items()}
        return [
            {**base, name: value}
            for name, parameter in self.search_space.items()
            for value in parameter.examples
        ]

    def resolve(self, parameters: Mapping[str, Scalar]) -> TrialSettings:
        """The settings of the trial that was given `parameters`.

        Raises:
            pydantic.ValidationError: a value is not valid where it is used.
        """
        raw = {"data": self.data, "network": self.network, "training": self.training}
        return TrialSettings.model_validate(overlay(raw, parameters))


SETTING_KEYS: dict[str, frozenset[str]] = {
    "data": frozenset(DataSettings.model_fields),
    "network": frozenset(NetworkSettings.model_fields),
    "training": frozenset(TrainingSettings.model_fields),
}


def overlay(
    sections: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Scalar]
) -> dict[str, dict[str, Any]]:
    """Put sampled values into the fixed sections of a study file.

    A parameter with the name of a key is that key's value; any other stands wherever the file
    mentions its name, so that `optimizer = "momentum"` beside a searched `momentum` stays a name.
    """
    keys = frozenset().union(*SETTING_KEYS.values())
    named = {name: value for name, value in parameters.items() if name not in keys}
    return {
        section: {key: _fill(value, named) for key, value in sections[section].items()}
        | {name: value for name, value in parameters.items() if name in SETTING_KEYS[section]}
        for section in SETTING_KEYS
    }


def _fill(value: Any, parameters: Mapping[str, Scalar]) -> Any:
    """Replace the name of a parameter by its value, also inside a list."""
    if isinstance(value, list | tuple):
        return [_fill(item, parameters) for item in value]
    return parameters.get(value, value) if isinstance(value, str) else value
