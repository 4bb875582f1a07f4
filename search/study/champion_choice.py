"""Choose a study's champion: the finalist that won, or the best trial of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studyhall.search.study.finals_facts import Finals
from studyhall.search.study.summary import Best

SelectedBy = Literal[
    "search", "search before finalists", "search after finalists diverged", "finalists"
]
_SINGLE = "This is the best single run of the search, so its score is partly selection bias: "
_WORDS: dict[str, str] = {
    "search": f"{_SINGLE}no finalists were retrained to measure it.",
    "search before finalists": f"{_SINGLE}its finalists are not trained yet.",
    "search after finalists diverged": f"{_SINGLE}all its finalists diverged.",
}


def words_of(selected_by: str) -> str | None:
    """A caution about a champion selected in this way; None for one that won among finalists."""
    return _WORDS.get(selected_by)


@dataclass(frozen=True)
class Choice:
    """The trial whose model becomes the champion: its number in its own study, and its value."""

    number: int
    value: float
    selected_by: SelectedBy


def best_of_search(best: Best | None, finals: Finals | None, *, provisional: bool) -> Choice | None:
    """The best trial of a search, unless it was among the finalists: then their results decide.

    If all finalists diverged, the best trial of the search stays.

    Args:
        best: The best trial, if one has completed.
        finals: The results of the search's finalists, as far as they are trained.
        provisional: Whether finalists will still be trained.
    """
    if best and finals and finals.all_diverged:
        return Choice(best.number, best.value, "search after finalists diverged")
    if best is None or (finals and best.number in finals.trials):
        return None
    return Choice(best.number, best.value, "search before finalists" if provisional else "search")


def winner_of_finals(finals: Finals | None) -> Choice | None:
    """The typical training of the configuration that won, once all finalists are trained.

    None before, and if all of them diverged.
    """
    typical = finals.typical if finals and finals.current else None
    return Choice(typical.number, typical.value, "finalists") if typical else None
