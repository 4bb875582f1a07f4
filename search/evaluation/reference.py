"""The reference systems: which studies reproduce each, and what was published of it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from studyhall.search.common.errors import UsageError
from studyhall.search.common.source_tree import STUDIES
from studyhall.search.config.section import Scalar, Section, as_tuple

REFERENCE = STUDIES / "reference"

Quantity = Literal["validation_accuracy", "train_accuracy", "test_accuracy", "accuracy_gap"]


class Row(Section):
    """One published figure, and which trials of a study it is compared with.

    Attributes:
        label: what the figure is of.
        quantity: what is measured.
        published: the figure, in the words of the write-up.
        where: values that the trials' parameters must have; those that are left differ in their
            repetition alone.
        best: take the trial that validates best, rather than all.
        low: what the mean must at least be, if the figure is a number.
        high: what it must at most be.
        above: values of the trials that it must be above, repetition by repetition.
        below: values of the trials that it must be below, likewise.
    """

    label: str
    quantity: Quantity
    published: str
    where: dict[str, Scalar] = Field(default_factory=dict)
    best: bool = False
    low: float | None = None
    high: float | None = None
    above: dict[str, Scalar] | None = None
    below: dict[str, Scalar] | None = None


class ReferenceStudy(Section):
    """A study that ships, and the figures that it reproduces."""

    name: str
    row: Annotated[tuple[Row, ...], Field(min_length=1), BeforeValidator(as_tuple)]


class System(Section):
    """A published system."""

    name: str
    title: str
    study: Annotated[tuple[ReferenceStudy, ...], Field(min_length=1), BeforeValidator(as_tuple)]


def system_names() -> list[str]:
    """The names of the reference systems, in order."""
    return sorted(path.stem for path in REFERENCE.glob("*.toml"))


def find_systems(name: str) -> list[System]:
    """The system of a name, or all of them for "all".

    Raises:
        UsageError: there is no such system.
    """
    names = system_names()
    if name.lower() != "all" and name.upper() not in names:
        raise UsageError(f"{name}: must be one of {', '.join(names)} or all; name one of them")
    wanted = names if name.lower() == "all" else [name.upper()]
    return [_read(REFERENCE / f"{wanted_name}.toml") for wanted_name in wanted]


def _read(path: Path) -> System:
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    return System.model_validate({"name": path.stem, **values})
