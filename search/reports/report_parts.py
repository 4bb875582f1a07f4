"""What a report is made of: sections of words, tables, figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.report_figures import Figure


@dataclass(frozen=True)
class Link:
    """A cell that leads somewhere."""

    text: str
    address: str


Cell = str | Link


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: Cell


@dataclass(frozen=True)
class Table:
    """Rows below a head; a long one is folded away in a page."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture file, `kind` such as "png", with what it shows in words."""

    content: bytes
    kind: str
    description: str


@dataclass(frozen=True)
class Gallery:
    """Small pictures, each with a caption of its own."""

    tiles: Sequence[tuple[Picture, Cell]]


@dataclass(frozen=True)
class Code:
    """Commands or a file, to be copied; a long one is folded away in a page."""

    caption: str
    text: str
    folded: bool = False


Part = Words | Table | Picture | Gallery | Code | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; `name` is what it is linked by."""

    name: str
    title: str
    parts: Sequence[Part]


def trial_link(facts: StudyFacts, number: int, text: str | None = None) -> Cell:
    """A trial's number, which leads to its run where MLflow has a server."""
    address = facts.tracked.address_of(number) if facts.tracked else None
    text = text or str(number)
    return Link(text, address) if address else text
