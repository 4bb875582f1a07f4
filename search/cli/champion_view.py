"""What the commands on a champion print: its test results, the ledger, and its predictions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from studyhall.search.cli.output import print_json
from studyhall.search.common.words import counted
from studyhall.search.study.champion_choice import words_of

if TYPE_CHECKING:
    from studyhall.search.evaluation.evaluation import Evaluation
    from studyhall.search.evaluation.predictions import Prediction
    from studyhall.search.evaluation.verdict import Verdict
    from studyhall.search.tracking.ledger import Ledger, Reading

_COLUMN, _ROW = 5, 10  # Letters of a class's name in a heading and beside a row.
_CONFUSIONS = 10  # How many are printed where the whole table is too wide.


def show_verdict(verdict: Verdict, as_json: bool) -> None:
    """Print a champion's results on the test split, and the earlier evaluations on it."""
    found, champion = verdict.evaluation, verdict.champion
    if as_json:
        named = {"study": champion.name, "version": champion.version, "run_id": verdict.run_id}
        gap = {"validation_test_gap": verdict.gap}
        earlier = {
            "earlier_readings": [one.to_dict() for one in verdict.earlier.own],
            "earlier_readings_elsewhere": [one.to_dict() for one in verdict.earlier.others],
        }
        print_json({**named, **found.to_dict(), **gap, **earlier})
        return
    low, high = found.interval
    print(
        f"{champion.name} version {champion.version}: test accuracy {found.accuracy:.4f} "
        f"on {found.examples:,} examples (95 % interval {low:.4f} to {high:.4f})"
    )
    if words := words_of(champion.selected_by):
        print(words)
    if verdict.gap is not None:
        print(
            f"validation accuracy {found.accuracy + verdict.gap:.4f}: the gap to the test accuracy "
            f"is {verdict.gap:+.4f}"
        )
    _print_earlier(verdict.earlier)
    for name, share in found.accuracy_by_class.items():
        print(f"  {name:<12} {share:.3f}")
    print_confusion(found, verdict.run_id)


def show_predictions(predictions: Sequence[Prediction], as_json: bool) -> None:
    """Print the most probable classes of each image."""
    if as_json:
        print_json([prediction.to_dict() for prediction in predictions])
        return
    for prediction in predictions:
        likeliest = list(prediction.probabilities.items())[:3]
        shares = ", ".join(f"{name} {share:.1%}" for name, share in likeliest)
        print(f"{prediction.picture}: {prediction.label} ({shares})")


def ledger_as_json(ledger: Ledger | str) -> dict[str, object]:
    """The ledger of a test split for JSON, or why it is unknown."""
    if isinstance(ledger, str):
        return {"readings": None, "readings_elsewhere": None, "readings_unknown": ledger}
    return {
        "readings": [one.to_dict() for one in ledger.own],
        "readings_elsewhere": [one.to_dict() for one in ledger.others],
        "readings_unknown": None,
    }


def print_ledger(ledger: Ledger | str) -> None:
    """Print the ledger of a test split, or why it is unknown."""
    if isinstance(ledger, str):
        print(f"evaluations on the test set: unknown ({ledger})")
        return
    none = "" if ledger.own else " none by this study" if ledger.others else " none"
    print(f"evaluations on the test set:{none}")
    _print_readings(ledger.own)
    if ledger.others:
        print(f"evaluations on the same test set by other studies ({ledger.other_studies}):")
        _print_readings(ledger.others)


def _print_earlier(ledger: Ledger) -> None:
    """Print the evaluations before this one, which make its result look too good."""
    if not (ledger.own or ledger.others):
        return
    count = len(ledger.own) + 1
    if ledger.others:
        times = "once" if len(ledger.others) == 1 else f"{len(ledger.others)} times"
        print(
            f"This was evaluation {count} by this study; other studies used this test set {times} "
            f"before: {ledger.other_studies}."
        )
    else:
        print(f"This was evaluation {count} on this test set.")
    print(
        "A model that is chosen after looking at test results looks better than it is. "
        "Earlier evaluations:"
    )
    _print_readings((*ledger.own, *ledger.others))


def _print_readings(readings: Sequence[Reading]) -> None:
    for one in sorted(readings, key=lambda one: one.when):
        result = one.incomplete or f"{one.examples:,} examples"
        if one.accuracy is not None:
            result = f"accuracy {one.accuracy:.4f} on {result}"
        when = one.when.astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"  {when}, {one.who}: {one.reader} of {one.model}")
        print(f"    {result}, data {one.fingerprint[:12] or 'not known'}")


def print_confusion(found: Evaluation, run_id: str) -> None:
    """Print the confusion matrix, or its largest entries if it is wider than the terminal.

    Args:
        found: The evaluation.
        run_id: The MLflow run that has its files.
    """
    console, table = Console(), _confusion_table(found)
    unbounded = console.options.update(max_width=sys.maxsize)
    if console.measure(table, options=unbounded).maximum <= console.width:
        print("rows: true class, columns: predicted class")
        console.print(table)
        return
    confused = [
        (count, true, predicted)
        for true, counts in zip(found.classes, found.confusion, strict=True)
        for predicted, count in zip(found.classes, counts, strict=True)
        if count and predicted != true
    ]
    if confused:
        print("most often confused:")
    for count, true, predicted in sorted(confused, key=lambda one: -one[0])[:_CONFUSIONS]:
        print(f"  {true} taken for {predicted} {counted(count, 'time')}")
    print(f"all counts: confusion_matrix.json of run {run_id} in MLflow")


def _confusion_table(found: Evaluation) -> Table:
    """The counts; numbers head the columns if the shortened class names are not distinct."""
    columns: Sequence[str] = [name[:_COLUMN] for name in found.classes]
    rows: Sequence[str] = [name[:_ROW] for name in found.classes]
    if len(set(columns)) < len(columns):
        columns = [str(number) for number in range(1, len(columns) + 1)]
        rows = [f"{number} {name}" for number, name in zip(columns, found.classes, strict=True)]
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in columns:
        # Rich would read brackets in a name as markup.
        table.add_column(escape(column), justify="right", no_wrap=True)
    for row, counts in zip(rows, found.confusion, strict=True):
        table.add_row(escape(row), *map(str, counts))
    return table
