"""Which classes a champion confuses, for a terminal: all counts if they fit, else the most."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from studyhall.search.common.words import counted

if TYPE_CHECKING:
    from studyhall.search.evaluation.evaluation import Evaluation

_COLUMN, _ROW = 5, 10  # letters of a class's name
_MOST = 10  # confusions that are told where the whole table is too wide


def print_confusion(found: Evaluation, run_id: str) -> None:
    """Print a confusion matrix, or where all of it is.

    Args:
        found: The evaluation.
        run_id: The MLflow run that has its files.
    """
    console, table = Console(), _table(found)
    unbounded = console.options.update(max_width=sys.maxsize)
    if console.measure(table, options=unbounded).maximum <= console.width:
        print("true class by row, predicted by column:")
        console.print(table)
        return
    confused = _confused(found)
    if confused:
        print("most often confused:")
    for count, true, predicted in confused[:_MOST]:
        print(f"  {true} taken for {predicted} {counted(count, 'time')}")
    print(f"all counts: confusion_matrix.json of run {run_id} in MLflow")


def _table(found: Evaluation) -> Table:
    """With numbers in place of the columns' names where these are the same once they are cut."""
    columns: Sequence[str] = [name[:_COLUMN] for name in found.classes]
    rows: Sequence[str] = [name[:_ROW] for name in found.classes]
    if len(set(columns)) < len(columns):
        columns = [str(number) for number in range(1, len(columns) + 1)]
        rows = [f"{number} {name}" for number, name in zip(columns, found.classes, strict=True)]
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in columns:
        # A name's brackets are not rich's marks.
        table.add_column(escape(column), justify="right", no_wrap=True)
    for row, counts in zip(rows, found.confusion, strict=True):
        table.add_row(escape(row), *map(str, counts))
    return table


def _confused(found: Evaluation) -> list[tuple[int, str, str]]:
    """How often a class was taken for another, the most frequent first."""
    pairs = [
        (count, true, predicted)
        for true, counts in zip(found.classes, found.confusion, strict=True)
        for predicted, count in zip(found.classes, counts, strict=True)
        if count and predicted != true
    ]
    return sorted(pairs, key=lambda pair: -pair[0])
