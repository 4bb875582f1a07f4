"""The reference systems: published results, and the shipped studies that reproduce them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from studyhall.search.common.errors import UsageError
from studyhall.search.common.source_tree import STUDIES
from studyhall.search.config.section import Scalar, Section, TupleOf

REFERENCE = STUDIES / "reference"

Quantity = Literal["validation_accuracy", "train_accuracy", "test_accuracy", "accuracy_gap"]


class Row(Section):
    """One published number, and the trials of a study that it is compared with.

    Attributes:
        label: what the number describes.
        quantity: what is measured.
        published: the number or statement, in the words of the publication.
        where: parameter values that select the trials, which then differ only in their repetition.
        best: use the trial with the best validation accuracy instead of all.
        low: lower bound of the mean, if a number was published.
        high: upper bound of the mean.
        above: parameter values of the trials that must be lower, repetition by repetition.
        below: parameter values of the trials that must be higher, likewise.
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
    """A shipped study, and the published numbers that it reproduces."""

    name: str
    row: Annotated[TupleOf[Row], Field(min_length=1)]


class System(Section):
    """A published system and its studies."""

    name: str
    title: str
    study: Annotated[TupleOf[ReferenceStudy], Field(min_length=1)]


def system_names() -> list[str]:
    """The names of the reference systems, in order."""
    return sorted(path.stem for path in REFERENCE.glob("*.toml"))


def find_systems(name: str) -> list[System]:
    """The system with this name, or all systems for "all".

    Raises:
        UsageError: there is no such system.
    """
    names = system_names()
    if name.lower() != "all" and name.upper() not in names:
        raise UsageError(f"No system named '{name}'. Choose one of {', '.join(names)} or all.")
    wanted = names if name.lower() == "all" else [name.upper()]
    return [_read(REFERENCE / f"{wanted_name}.toml") for wanted_name in wanted]


def _read(path: Path) -> System:
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    return System.model_validate({"name": path.stem, **values})
