"""Which trial of a study is its champion: the finalist that won, or the best of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.finalists import Finals
from search.summary import Best

SelectedBy = Literal["search", "search before finalists", "finalists"]


@dataclass(frozen=True)
class Choice:
    """The trial whose model is to be the champion: its number in its own study, and its value."""

    number: int
    value: float
    selected_by: SelectedBy


def best_of_search(best: Best | None, finals: Finals | None, *, provisional: bool) -> Choice | None:
    """The best trial of a search, unless it was among finalists: then the finals decide.

    Args:
        best: The best trial, if one has completed.
        finals: How the search's finalists did, as far as they are trained.
        provisional: Whether finalists are still to be trained.
    """
    if best is None or (finals and best.number in finals.trials):
        return None
    return Choice(best.number, best.value, "search before finalists" if provisional else "search")


def winner_of_finals(finals: Finals | None) -> Choice | None:
    """The typical training of the configuration that won, once all finalists are trained."""
    if finals is None or not finals.current:
        return None
    return Choice(finals.typical.number, finals.typical.value, "finalists")
