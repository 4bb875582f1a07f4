"""What the commands on a study print: its trials, its best trial, its finalists and its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.cli.champion_view import ledger_as_json, print_ledger
from studyhall.search.cli.output import print_json, print_table
from studyhall.search.common.errors import UsageError
from studyhall.search.common.pages import Pages
from studyhall.search.common.words import counted, format_value
from studyhall.search.study.summary import StudySummary

if TYPE_CHECKING:
    from studyhall.search.runner.stopping import Stopping
    from studyhall.search.study.finals_facts import Finals
    from studyhall.search.tracking.ledger import Ledger


def show_launched(summary: StudySummary, command: str, as_json: bool) -> None:
    """Print how a launch ended and what to do next; `command` resumes it."""
    if as_json:
        print_json(summary.to_dict())
        return
    _print_status(summary)
    _print_finals(summary)
    if summary.finished < summary.wanted or summary.finals_pending:
        print(f"to resume: {command}")
    elif not _print_finals_command(summary) and summary.champion_version:
        print(f"next: studyhall evaluate {summary.name}; studyhall report {summary.name}")
    if summary.pages:
        print_pages(summary.pages)


def show_finals(summary: StudySummary, as_json: bool) -> None:
    """Print the results of a study's finalists."""
    if as_json:
        print_json(summary.to_dict())
        return
    _print_finals(summary)
    if summary.finals is None or not summary.finals.current:
        print(f"{summary.name}: not all finalists are trained. Run the same command to resume.")
    if summary.pages:
        print_pages(summary.pages)


def show_status(summary: StudySummary, ledger: Ledger | str, as_json: bool) -> None:
    """Print a study's state and the ledger of its test split, or why that is unknown."""
    if as_json:
        print_json({**summary.to_dict(), **ledger_as_json(ledger)})
        return
    _print_status(summary)
    _print_finals(summary)
    _print_finals_command(summary)
    print_ledger(ledger)


def show_detached(summary: StudySummary, as_json: bool) -> None:
    """Print how to follow and stop a launch that runs on the cluster."""
    if as_json:
        print_json(summary.to_dict())
        return
    name = summary.name
    print(f"{name}: running on the cluster; {summary.finished} of {summary.wanted} trials finished")
    print(f"to follow: studyhall status {name}; to stop: studyhall stop {name}")


def show_stopping(stopping: Stopping, as_json: bool) -> None:
    """Print which trials of a study are running while it stops."""
    if as_json:
        print_json(stopping.to_dict())
        return
    trials = counted(len(stopping.at_work), "running trial")
    where = ", ".join(sorted(set(stopping.at_work.values())))
    if not stopping.at_work:
        print(f"{stopping.study}: stopping; no trial is running")
    elif stopping.at_once:
        print(f"{stopping.study}: stopping now; leaving {trials} on {where} unfinished")
    else:
        print(f"{stopping.study}: stopping after {trials} on {where}")


def show_best(summary: StudySummary, as_json: bool) -> None:
    """Print the number, value and parameters of the best trial.

    Raises:
        UsageError: there is none.
    """
    best = summary.best
    if best is None:
        raise UsageError(summary.no_best)
    if as_json:
        parameters = {"parameters": best.parameters}
        print_json({"trial": best.number, summary.metric: best.value, **parameters})
        return
    print(f"trial {best.number}: {summary.metric} {best.value:.4f}")
    for name, value in best.parameters.items():
        print(f"  {name} = {format_value(value)}")


def show_studies(
    shipped: Mapping[str, Path], recorded: Sequence[StudySummary], as_json: bool
) -> None:
    """Print shipped and recorded studies."""
    by_name = {summary.name: summary for summary in recorded}
    if as_json:
        run = {name: summary.to_dict() for name, summary in by_name.items()}
        print_json({"shipped": sorted(shipped), "recorded": run})
        return
    rows = []
    for name in sorted({*shipped, *by_name}):
        summary = by_name.get(name)
        trials = f"{summary.finished}/{summary.wanted}" if summary else "-"
        best = f"{summary.best.value:.4f}" if summary and summary.best else "-"
        rows.append((name, trials, best, "Studyhall" if name in shipped else "you"))
    print_table(("study", "trials", "best", "from"), rows, right=("trials", "best"))


def print_pages(pages: Pages) -> None:
    """Print where MLflow's UI shows the results."""
    if pages.command:
        print(f"to browse: run {pages.command}, then open")
    print(f"  runs      {pages.runs}")
    print(f"  charts    {pages.charts}")
    if pages.champion:
        print(f"  champion  {pages.champion}")


def _print_status(summary: StudySummary) -> None:
    print(
        f"{summary.name}: {summary.finished} of {summary.wanted} trials finished "
        f"({summary.complete} complete, {summary.pruned} pruned, {summary.failed} failed"
        f"{f', {summary.unfinished} unfinished' if summary.unfinished else ''})"
    )
    if summary.best:
        print(f"best: {summary.metric} {summary.best.value:.4f} in trial {summary.best.number}")
        print(f"      {_parameters(summary.best.parameters)}")
    if summary.at_work:
        places = (f"trial {number} on {machine}" for number, machine in summary.at_work.items())
        print(f"running: {', '.join(places)}")
    if summary.trouble:
        print(f"problem of the detached launch: {summary.trouble}")


def _print_finals(summary: StudySummary) -> None:
    """Print the finalists' results and progress, and the champion."""
    finals, progress = summary.finals, summary.finals_progress
    if finals:
        _print_finalists(finals)
    if progress and progress.done < progress.wanted:
        count = f"{progress.done} of {progress.wanted} trained"
        print(f"finalists: {count if finals or progress.done else 'not trained yet'}")
    if summary.champion_version:
        print(f"champion: version {summary.champion_version} of model {summary.name}")


def _print_finals_command(summary: StudySummary) -> bool:
    """Print the command that trains the remaining finalists; return whether there are any."""
    if summary.finals_progress is None or summary.finals_progress.to_go_on is None:
        return False
    print(f"to train the remaining finalists: {summary.finals_progress.to_go_on}")
    return True


def _print_finalists(finals: Finals) -> None:
    """Print the finalists, the best first, and the selection bias of the search."""
    so_far = "" if finals.current else " (not yet all of the current best trials)"
    print(f"finalists, retrained from {finals.seeds} fresh seeds each{so_far}:")
    if best := finals.winner:
        rows = []
        for one in finals.finalists:
            values = ", ".join(f"{value:.4f}" for value in one.values)
            deviation = "" if one.deviation is None else f"{one.deviation:.4f}"
            diverged = f", {one.failed} diverged" if one.failed else ""
            scores = (f"{one.value:.4f}", f"{one.mean:.4f}", deviation)
            rows.append((f"trial {one.trial}", *scores, f"{values}{diverged}"))
        columns = ("", "in the search", "mean", "±", "from each seed")
        print_table(columns, rows, indent=2, gap=2)
        print(f"best by mean: trial {best.trial}: {_parameters(best.parameters)}")
    for trial in finals.diverged:
        print(f"trial {trial}: diverged from every fresh seed")
    if finals.all_diverged:
        print("all finalists diverged: the best of the search stays the champion")
    if (optimism := finals.optimism) is not None:
        better = "better" if optimism >= 0 else "worse"
        print(
            f"selection bias: the best value of the search was {abs(optimism):.4f} {better} than "
            "the mean of its retrainings"
        )


def _parameters(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {format_value(value)}" for name, value in values.items())
