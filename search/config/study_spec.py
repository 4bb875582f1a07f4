"""What a study is: the frozen, validated form of a study file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from studyhall.search.config.conditions import Point, corners
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.parameters import Parameter
from studyhall.search.config.section import Scalar, Section, as_tuple, rule
from studyhall.search.config.settings import SETTING_KEYS, TrialSettings

NAME_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")

Metric = Literal["validation_accuracy", "validation_loss"]


FINALISTS_ENDING = ".finalists"  # of the name of a search's finalists
_MOST_LETTERS = 100


def _short(name: str) -> str:
    """A name that is not too long, but for what is added when a study is set aside and such."""
    own = re.sub(rf"(\{FINALISTS_ENDING}|\.\d+)+$", "", name)
    if len(own) > _MOST_LETTERS:
        raise rule(f"must have at most {_MOST_LETTERS} characters, got {len(own)}")
    return name


class StudySection(Section):
    """`[study]`: what is searched for, how, and for how long.

    `trials` is the total wanted; `window` is how far back a trial looks: trial *k* is proposed and
    pruned from the trials up to *k - window* alone, so that its result does not depend on timing.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN.pattern), AfterValidator(_short)] = Field(
        description=(
            "What the study is called in the storage and in MLflow; letters, digits, `.`, `_` and "
            "`-`."
        ),
    )
    metric: Metric = Field(
        "validation_accuracy", description="What trials are compared by, at the end of each."
    )
    direction: Literal["maximize", "minimize"] = Field(
        "maximize", description="`maximize` for an accuracy, `minimize` for a loss."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="What all that is random in the trials is drawn from."
    )
    trials: Annotated[int, Field(ge=1)] = Field(
        40,
        description="How many trials are wanted in total; raise it to go on with a finished study.",
    )
    window: Annotated[int, Field(ge=1)] = Field(
        8,
        description=(
            "Trial k is proposed and pruned from the trials up to k - window; at least the workers."
        ),
    )
    sampler: Literal["tpe", "random", "grid", "qmc", "cmaes", "gp"] = Field(
        "tpe", description="How the next trial's parameters are proposed."
    )
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = Field(
        "none", description="How trials that do badly are ended before their last epoch."
    )

    @model_validator(mode="after")
    def _direction_fits_metric(self) -> Self:
        wanted = "maximize" if self.metric == "validation_accuracy" else "minimize"
        if self.direction != wanted:
            raise rule(f"direction must be '{wanted}' for {self.metric}, got '{self.direction}'")
        return self

    def rank(self, value: float | None) -> float:
        """What trials are ordered by, the least being the best.

        Args:
            value: A trial's; None, which a completed trial does not have, ranks as zero.
        """
        return (-1 if self.direction == "maximize" else 1) * (value or 0.0)


class FinalistsSection(Section):
    """`[finalists]`: what is trained again once the search is done, before one is the champion.

    The best `configurations` of the search are trained again from `seeds` fresh seeds each.
    """

    configurations: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="How many of the search's best configurations are trained again."
    )
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="How often each of them is, from a fresh seed each time."
    )


class StudySpec(Section):
    """A whole study file. `network` and `training` may name parameters of `search_space`.

    A parameter takes effect in one of two ways: it has the name of a key of `[data]`, `[network]`
    or `[training]`, or a value there is its name (`hidden = ["hidden_size"]`). A trial
    for which its `when` does not hold goes without it; the key has its section's value or default.
    """

    study: StudySection = Field(description="What is searched for, how, and for how long.")
    data: dict[str, Any] = Field(description="The data set and how it is split.")
    network: dict[str, Any] = Field(description="The network; its values may name parameters.")
    training: dict[str, Any] = Field(description="The training; its values may name parameters.")
    search_space: Annotated[dict[str, Parameter], Field(min_length=1)] = Field(
        description="The parameters, one at least, each a table by its name."
    )
    enqueue: Annotated[tuple[dict[str, Scalar], ...], BeforeValidator(as_tuple)] = Field(
        (), description="Known-good points, tried first: a value for each active parameter."
    )
    finalists: FinalistsSection | None = Field(
        None, description="What is trained again when the search is done; nothing without it."
    )

    @property
    def data_settings(self) -> DataSettings:
        """`[data]` as far as all trials share it: all but a searched preprocessing."""
        return DataSettings(**{"preprocessing": "none", **self.data})

    def examples(self) -> list[Point]:
        """Points at whose corners one parameter after the other stands, each while it is active."""
        return corners(self.search_space)

    def enqueued(self, number: int) -> dict[str, Scalar]:
        """The values that trial `number` is given before any sampler is asked; maybe not all."""
        return dict(self.enqueue[number]) if number < len(self.enqueue) else {}

    def fresh(self, number: int) -> FreshSeed | None:
        """Which trial of a search trial `number` trains again, and with which fresh seed."""
        return None

    def resolve(self, parameters: Mapping[str, Scalar]) -> TrialSettings:
        """The settings of the trial that was given `parameters`, the active ones.

        Raises:
            pydantic.ValidationError: a value is not valid where it is used.
        """
        raw = {"data": self.data, "network": self.network, "training": self.training}
        return TrialSettings.model_validate(overlay(raw, parameters))


class FreshSeed(NamedTuple):
    """Which trial of a search is trained again, and with which of the fresh seeds, from 1."""

    trial: int
    seed: int


class Retraining(Section):
    """A trial of a search, to be trained again from a fresh seed."""

    trial: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=1)]
    parameters: dict[str, Scalar]


class FinalistsSpec(StudySpec):
    """The study of a search's finalists: its trials are the best of the search, trained again.

    It is derived from the search's study, never read from a study file.
    """

    search: str
    retrainings: Annotated[tuple[Retraining, ...], BeforeValidator(as_tuple), Field(min_length=1)]

    def enqueued(self, number: int) -> dict[str, Scalar]:
        """All that a trial is given: what the search's trial was given."""
        return dict(self.retrainings[number].parameters)

    def fresh(self, number: int) -> FreshSeed:
        """Which trial of the search trial `number` trains again, and with which fresh seed."""
        retraining = self.retrainings[number]
        return FreshSeed(retraining.trial, retraining.seed)


def recorded_spec(values: Mapping[str, Any]) -> StudySpec:
    """A study as it was recorded, a search or its finalists.

    Raises:
        pydantic.ValidationError: it is neither.
    """
    kind = FinalistsSpec if "retrainings" in values else StudySpec
    return kind.model_validate(values)


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
