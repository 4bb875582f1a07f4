"""A study: the frozen, validated form of a study file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.parameters import Parameter
from studyhall.search.config.search_space import corners
from studyhall.search.config.section import (
    MOST_IN_FILES,
    RECORDED,
    Count,
    Scalar,
    Section,
    Seed,
    TupleOf,
    is_recorded,
    rule,
)
from studyhall.search.config.settings import SETTING_KEYS, TrialSettings

NAME_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")

Metric = Literal["validation_accuracy", "validation_loss"]

FINALISTS_ENDING = ".finalists"  # ends the name of the study of a search's finalists
_MOST_LETTERS = 100
GIVEN_LETTERS = 150  # of a name that a user gives, endings such as '.1' included
_KEPT_LETTERS = 200  # of a name to which Studyhall added endings; MLflow's databases keep 256


def finalists_name(search: str) -> str:
    """The name under which the finalists of a study are recorded."""
    return f"{search}{FINALISTS_ENDING}"


def _short(name: str, info: ValidationInfo) -> str:
    """Refuse a name that is too long, not counting the endings that Studyhall adds to a name."""
    own = re.sub(rf"(\{FINALISTS_ENDING}|\.\d+)+$", "", name)
    if len(own) > _MOST_LETTERS:
        raise rule(f"must have at most {_MOST_LETTERS} characters, got {len(own)}")
    if len(name) > _KEPT_LETTERS and not is_recorded(info):
        raise rule(f"must have at most {GIVEN_LETTERS} characters, got {len(name)}")
    return name


class StudySection(Section):
    """`[study]`: the goal of the search, its method, and its length.

    Trial *k* is proposed and pruned only from the trials up to *k - window*, so that its result
    does not depend on timing.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN.pattern), AfterValidator(_short)] = Field(
        description="The study's name in the storage and in MLflow; letters, digits, `.`, `_`, `-`."
    )
    metric: Metric = Field(
        "validation_accuracy", description="The measure by which trials are compared at their end."
    )
    direction: Literal["maximize", "minimize"] = Field(
        "maximize", description="`maximize` for an accuracy, `minimize` for a loss."
    )
    seed: Seed = Field(0, description="The random seed of all trials.")
    trials: Annotated[int, Field(ge=1, le=100_000), MOST_IN_FILES] = Field(
        40, description="The total number of trials; raise it to extend a finished study."
    )
    window: Count = Field(
        8,
        description="Trial k is proposed and pruned from the trials up to k - window; must be at "
        "least the number of workers.",
    )
    sampler: Literal["tpe", "random", "grid", "qmc", "cmaes", "gp"] = Field(
        "tpe", description="How the next trial's parameters are proposed."
    )
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = Field(
        "none", description="How poor trials are stopped before their last epoch."
    )

    @model_validator(mode="after")
    def _direction_fits_metric(self) -> Self:
        wanted = "maximize" if self.metric == "validation_accuracy" else "minimize"
        if self.direction != wanted:
            raise rule(f"direction must be '{wanted}' for {self.metric}, got '{self.direction}'")
        return self

    def rank(self, value: float | None) -> float:
        """The number that orders trials, the least being the best.

        Args:
            value: A trial's value; None, which no completed trial has, ranks as zero.
        """
        return (-1 if self.direction == "maximize" else 1) * (value or 0.0)


class FinalistsSection(Section):
    """`[finalists]`: the trainings that decide the champion once the search is done.

    The best `configurations` of the search are trained again from `seeds` fresh seeds each.
    """

    configurations: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="The number of the search's best configurations to train again."
    )
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="The number of trainings of each, from a fresh seed each time."
    )


class StudySpec(Section):
    """A whole study file. `network` and `training` may name parameters of `search_space`.

    A parameter takes effect in one of two ways: it has the name of a key of `[data]`, `[network]`
    or `[training]`, or a value there is its name (`hidden = ["hidden_size"]`). A trial
    for which its `when` does not hold goes without it; the key has its section's value or default.
    """

    study: StudySection = Field(description="The goal of the search, its method and its length.")
    data: dict[str, Any] = Field(description="The data set and how it is split.")
    network: dict[str, Any] = Field(description="The network; its values may name parameters.")
    training: dict[str, Any] = Field(description="The training; its values may name parameters.")
    search_space: Annotated[dict[str, Parameter], Field(min_length=1)] = Field(
        description="The parameters, at least one, each a table under its name."
    )
    enqueue: TupleOf[dict[str, Scalar]] = Field(
        (), description="Good known points to try first: a value for each active parameter."
    )
    finalists: FinalistsSection | None = Field(
        None, description="The final trainings after the search; without it there are none."
    )

    @cached_property
    def data_settings(self) -> DataSettings:
        """The part of `[data]` that all trials share: everything but a searched preprocessing."""
        return DataSettings.model_validate({"preprocessing": "none", **self.data}, context=RECORDED)

    def __copy__(self) -> Self:
        """A copy, which may be given other `data` next: without the cached `data_settings`."""
        copied = super().__copy__()
        copied.__dict__.pop("data_settings", None)
        return copied

    def corner_settings(self) -> list[TrialSettings]:
        """Settings at each end of a parameter's range and at each choice, where it is active."""
        return [self.resolve(point) for point in corners(self.search_space)]

    def widest_settings(self) -> list[TrialSettings]:
        """As `corner_settings`, but with every searched width at its greatest value."""
        named = self.network.get("hidden", ())
        widths = set(named if isinstance(named, list | tuple) else [named])
        asked = {name for p in self.search_space.values() for name in p.conditions}
        greatest = {
            name: max(parameter.examples, key=float)
            for name, parameter in self.search_space.items()
            if name in widths and name not in asked
        }
        return [
            self.resolve({**point, **{n: v for n, v in greatest.items() if n in point}})
            for point in corners(self.search_space)
        ]

    def enqueued(self, number: int) -> dict[str, Scalar]:
        """The values that trial `number` is given; a sampler proposes the rest."""
        return dict(self.enqueue[number]) if number < len(self.enqueue) else {}

    def fresh(self, number: int) -> FreshSeed | None:
        """The trial that trial `number` trains again, with its fresh seed; None in a search."""
        return None

    def resolve(self, parameters: Mapping[str, Scalar]) -> TrialSettings:
        """The settings of the trial with these values of the active `parameters`.

        Raises:
            pydantic.ValidationError: a value is not valid where it is used.
        """
        raw = {"data": self.data, "network": self.network, "training": self.training}
        return TrialSettings.model_validate(overlay(raw, parameters), context=RECORDED)


class FreshSeed(NamedTuple):
    """The trial of a search that is trained again, and the number of its fresh seed, from 1."""

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
    retrainings: Annotated[TupleOf[Retraining], Field(min_length=1)]

    def enqueued(self, number: int) -> dict[str, Scalar]:
        """All values of a trial: those of the search's trial."""
        return dict(self.retrainings[number].parameters)

    def fresh(self, number: int) -> FreshSeed:
        """The trial of the search that trial `number` trains again, with its fresh seed."""
        retraining = self.retrainings[number]
        return FreshSeed(retraining.trial, retraining.seed)


def recorded_spec(values: Mapping[str, Any]) -> StudySpec:
    """The study of a record, a search or its finalists, whose numbers earlier versions checked.

    Raises:
        pydantic.ValidationError: the record is of neither.
    """
    kind = FinalistsSpec if "retrainings" in values else StudySpec
    return kind.model_validate(values, context=RECORDED)


def overlay(
    sections: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Scalar]
) -> dict[str, dict[str, Any]]:
    """Put sampled values into the fixed sections of a study file.

    A parameter with the name of a key is that key's value; any other stands wherever the file
    mentions its name, so that `optimizer = "momentum"` beside a searched `momentum` stays a name.
    """
    keys = frozenset[str]().union(*SETTING_KEYS.values())
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
