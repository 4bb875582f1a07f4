"""What the command line prints of champions: finalists, the verdict, the ledger, predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from studyhall.search.cli.confusion_view import print_confusion
from studyhall.search.cli.wide_table import print_table
from studyhall.search.common.pages import Pages
from studyhall.search.common.words import format_value
from studyhall.search.study.champion_choice import words_of
from studyhall.search.study.summary import StudySummary

if TYPE_CHECKING:
    from studyhall.search.evaluation.predictions import Prediction
    from studyhall.search.evaluation.verdict import Verdict
    from studyhall.search.study.finals_facts import Finals
    from studyhall.search.tracking.ledger import Ledger, Reading


def show_finals(summary: StudySummary, as_json: bool) -> None:
    """Print how a study's finalists did."""
    if as_json:
        print_json(summary.to_dict())
        return
    print_finals(summary)
    if summary.finals is None or not summary.finals.current:
        print(f"{summary.name}: not all finalists are trained; the same command goes on")
    if summary.pages:
        print_pages(summary.pages)


def print_finals(summary: StudySummary) -> None:
    """Print how far the finalists are trained and how they did, and the champion."""
    finals, progress = summary.finals, summary.finals_progress
    if finals:
        _print_finalists(finals)
    if progress and progress.done < progress.wanted:
        count = f"{progress.done} of {progress.wanted} trained"
        print(f"finalists: {count if finals or progress.done else 'not trained yet'}")
    if summary.champion_version:
        print(f"champion: version {summary.champion_version} of model {summary.name}")


def print_way_on(summary: StudySummary) -> bool:
    """Print the command that goes on with the finalists; return whether any is left to train."""
    if summary.finals_progress is None or summary.finals_progress.to_go_on is None:
        return False
    print(f"to go on with the finalists: {summary.finals_progress.to_go_on}")
    return True


def _print_finalists(finals: Finals) -> None:
    """Print the finalists, the best first, and how much luck was in the search."""
    so_far = "" if finals.current else " (not all yet of the best that there are now)"
    print(f"finalists, trained again from {finals.seeds} fresh seeds each{so_far}:")
    if best := finals.winner:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("", "in the search", "mean", "±", "from each seed"):
            table.add_column(column)
        for one in finals.finalists:
            values = ", ".join(f"{value:.4f}" for value in one.values)
            table.add_row(
                f"trial {one.trial}",
                f"{one.value:.4f}",
                f"{one.mean:.4f}",
                "" if one.deviation is None else f"{one.deviation:.4f}",
                f"{values}, {one.failed} diverged" if one.failed else values,
            )
        print_table(table, indent=2)
        values = ", ".join(
            f"{name} {format_value(value)}" for name, value in best.parameters.items()
        )
        print(f"best by mean: trial {best.trial}: {values}")
    for trial in finals.diverged:
        print(f"trial {trial}: diverged from every fresh seed")
    if finals.all_diverged:
        print("all finalists diverged: the best of the search stays the champion")
    if finals.optimism is not None:
        print(f"luck in the search's best value: {finals.optimism:+.4f}")


def print_pages(pages: Pages) -> None:
    """Print where the results are in MLflow's UI."""
    if pages.command:
        print(f"to browse: {pages.command}, and then")
    print(f"  runs      {pages.runs}")
    print(f"  charts    {pages.charts}")
    if pages.champion:
        print(f"  champion  {pages.champion}")


def ledger_as_json(ledger: Ledger | str) -> dict[str, object]:
    """The ledger of a test split as JSON holds it, or why it is not known."""
    if isinstance(ledger, str):
        return {"readings": None, "readings_elsewhere": None, "readings_unknown": ledger}
    return {
        "readings": [one.to_dict() for one in ledger.own],
        "readings_elsewhere": [one.to_dict() for one in ledger.others],
        "readings_unknown": None,
    }


def print_ledger(ledger: Ledger | str) -> None:
    """Print the ledger of a test split, or why it is not known."""
    if isinstance(ledger, str):
        print(f"readings of the test set: not known ({ledger})")
        return
    if ledger.own or not ledger.others:
        print(f"readings of the test set:{'' if ledger.own else ' none'}")
        _print_readings(ledger.own)
    else:
        print("readings of the test set: none by this study")
    if ledger.others:
        print(f"readings of the same test set by other studies ({ledger.other_studies}):")
        _print_readings(ledger.others)


def _print_earlier(ledger: Ledger) -> None:
    count = len(ledger.own) + 1
    if ledger.others:
        times = "once" if len(ledger.others) == 1 else f"{len(ledger.others)} times"
        print(
            f"This was reading {count} by this study; others read this test set {times} before: "
            f"{ledger.other_studies}.\nWhat is chosen after a look at it looks better than it is. "
            "Earlier readings:"
        )
    elif ledger.own:
        print(
            f"This was reading {count} of this test set. What is chosen after a look "
            "at it\nlooks better than it is. Earlier readings:"
        )
    _print_readings((*ledger.own, *ledger.others))


def _print_readings(readings: Sequence[Reading]) -> None:
    for one in sorted(readings, key=lambda one: one.when):
        print(f"  {_line(one)}")


def _line(one: Reading) -> str:
    result = one.incomplete or f"{one.examples:,} examples"
    if one.accuracy is not None:
        result = f"accuracy {one.accuracy:.4f} on {result}"
    when = one.when.astimezone().strftime("%Y-%m-%d %H:%M")
    data = one.fingerprint[:12] or "not known"
    return f"{when}, {one.who}: {one.reader} of {one.model}\n    {result}, data {data}"


def show_verdict(verdict: Verdict, as_json: bool) -> None:
    """Print how a champion did on the test split."""
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
    """Print the likeliest classes of each picture."""
    if as_json:
        print_json([prediction.to_dict() for prediction in predictions])
        return
    for prediction in predictions:
        likeliest = list(prediction.probabilities.items())[:3]
        shares = ", ".join(f"{name} {share:.1%}" for name, share in likeliest)
        print(f"{prediction.picture}: {prediction.label} ({shares})")


def print_json(value: object) -> None:
    """Print a result for scripts."""
    print(json.dumps(value))
