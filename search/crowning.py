"""Which trial of a study is its champion: the finalist that won, or the best of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.finalists import Finals
from search.summary import Best

SelectedBy = Literal["search", "finalists"]


@dataclass(frozen=True)
class Choice:
    """The trial whose model is to be the champion: its number in its own study, and its value."""

    number: int
    value: float
    selected_by: SelectedBy


def best_of_search(best: Best | None, finals: Finals | None) -> Choice | None:
    """The best trial of a search, unless finals that it took part in have decided.

    Args:
        best: The best trial, if one has completed.
        finals: How the search's finalists did, if they are trained.
    """
    if best is None or (finals and best.number in finals.trials):
        return None
    return Choice(best.number, best.value, "search")


def winner_of_finals(finals: Finals | None) -> Choice | None:
    """The typical training of the configuration that won, once all finalists are trained."""
    if finals is None:
        return None
    typical = finals.winner.typical
    return Choice(typical.number, typical.value, "finalists")
