"""What the command line prints: results for people, and the same as JSON for scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from studyhall.search.cli.champion_view import (
    ledger_as_json,
    print_finals,
    print_json,
    print_ledger,
    print_pages,
    print_way_on,
)
from studyhall.search.cli.wide_table import print_table
from studyhall.search.common.words import counted, format_value
from studyhall.search.evaluation.reproduction_table import HEADER, rows
from studyhall.search.runner.views import observer as observer
from studyhall.search.study.summary import StudySummary

if TYPE_CHECKING:
    from studyhall.search.data.verification import Verification
    from studyhall.search.evaluation.replay import Replay
    from studyhall.search.evaluation.reproduction import Reproduced
    from studyhall.search.runner.stopping import Stopping
    from studyhall.search.sync.doctor import Examination
    from studyhall.search.sync.sync_studies import Sent
    from studyhall.search.tracking.ledger import Ledger
    from studyhall.search.training.checking import Check


_DUPLICATES = 10  # shown of examples that stand in more than one part


def show_launched(summary: StudySummary, command: str, as_json: bool) -> None:
    """Print how a launch ended and what to do next; `command` goes on with it."""
    if as_json:
        print_json(summary.to_dict())
        return
    _print_status(summary)
    print_finals(summary)
    if summary.finished < summary.wanted or summary.finals_pending:
        print(f"to go on: {command}")
    elif not print_way_on(summary) and summary.champion_version:
        print(f"next: studyhall evaluate {summary.name}; studyhall report {summary.name}")
    if summary.pages:
        print_pages(summary.pages)


def show_examination(examination: Examination, as_json: bool) -> None:
    """Print what was found of a study, and what was repaired."""
    if as_json:
        print_json(examination.to_dict())
        return
    name, found = examination.study, examination.found
    if not found:
        print(f"{name}: MLflow has every trial once, as the study recorded it")
    if examination.repairs is None:
        for finding in found:
            print(f"found: {finding.problem}")
        if found:
            print(f"to repair: studyhall doctor {name} --fix")
        return
    for sentence in examination.repairs.done:
        print(f"repaired: {sentence}")
    for sentence in examination.repairs.left:
        print(f"left: {sentence}")


def show_sent(sent: Sequence[Sent], as_json: bool) -> None:
    """Print what was sent of each study, and what still waits."""
    if as_json:
        print_json({"studies": [one.to_dict() for one in sent]})
        return
    if not sent:
        print("nothing waits to be sent")
    for one in sent:
        print(f"{one.study}: {counted(one.sent, 'record')} sent, {len(one.unsent)} waiting")
        for unsent in one.unsent:
            print(f"  trial {unsent.number}: {unsent.reason}")


def show_status(summary: StudySummary, ledger: Ledger | str, as_json: bool) -> None:
    """Print where a study stands, and the ledger of its test split or why it is not known."""
    if as_json:
        print_json({**summary.to_dict(), **ledger_as_json(ledger)})
        return
    _print_status(summary)
    print_finals(summary)
    print_way_on(summary)
    print_ledger(ledger)


def show_detached(summary: StudySummary, as_json: bool) -> None:
    """Print how to follow and to stop a launch that the cluster runs."""
    if as_json:
        print_json(summary.to_dict())
        return
    name = summary.name
    print(f"{name}: the cluster runs it, {summary.finished} of {summary.wanted} trials finished")
    print(f"to follow: studyhall status {name}; to stop: studyhall stop {name}")


def show_stopping(stopping: Stopping, as_json: bool) -> None:
    """Print who was asked to stop."""
    if as_json:
        print_json(stopping.to_dict())
        return
    trials = counted(len(stopping.at_work), "trial")
    where = ", ".join(sorted(set(stopping.at_work.values())))
    what = "left as they are" if stopping.at_once else "finished, and no more started"
    print(f"{stopping.study}: asked to stop; {trials} under way{f' on {where}' if where else ''}")
    if stopping.at_work:
        print(f"they are {what}")


def show_best(summary: StudySummary, as_json: bool) -> None:
    """Print the best trial: its number, value and parameters."""
    best = summary.best
    if best is None:
        return
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
    """Print the studies that ship and those that were run here."""
    by_name = {summary.name: summary for summary in recorded}
    if as_json:
        run = {name: summary.to_dict() for name, summary in by_name.items()}
        print_json({"shipped": sorted(shipped), "recorded": run})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("study", "trials", "best", "from"):
        table.add_column(column, justify="left" if column in ("study", "from") else "right")
    for name in sorted({*shipped, *by_name}):
        summary = by_name.get(name)
        trials = f"{summary.finished}/{summary.wanted}" if summary else "-"
        best = f"{summary.best.value:.4f}" if summary and summary.best else "-"
        table.add_row(name, trials, best, "Studyhall" if name in shipped else "you")
    print_table(table)


def show_verification(found: Verification, as_json: bool) -> None:
    """Print that a data set in the cache is whole; what is wrong is an error's business."""
    if as_json:
        print_json(found.to_dict())
        return
    if found.intact:
        print(f"{found.name}: every byte in {found.folder} is as it must be")
    for parts, count in (found.counts or {}).items():
        print(f"{found.name}: {count:,} exact duplicates between {parts}")
    for duplicate in found.duplicates[:_DUPLICATES]:
        print(f"  {duplicate}")
    if len(found.duplicates) > _DUPLICATES:
        print(f"  and {len(found.duplicates) - _DUPLICATES:,} more, which --json lists")


def show_replays(replays: Iterable[Replay], as_json: bool) -> list[Replay]:
    """Print how each trial compares with its record, as it is trained; return the replays."""
    found = []
    for replay in replays:
        found.append(replay)
        if not as_json:
            print(f"{replay.trial.name}: {_compared(replay)}", flush=True)
    identical = sum(replay.identical for replay in found)
    if as_json:
        print_json(
            {
                "runs": len(found),
                "identical": identical,
                "replays": [replay.to_dict() for replay in found],
            }
        )
        return found
    if len(found) > 1:
        print(f"{identical} of {len(found)} identical")
    changes = Counter(change for replay in found for change in replay.environment)
    for change, count in changes.items():
        runs = f" ({count} of {len(found)} runs)" if count < len(found) else ""
        was, here = change.recorded or "not known", change.here or "not known"
        print(f"environment: {change.name} was {was}, here {here}{runs}")
    return found


def _compared(replay: Replay) -> str:
    if replay.identical:
        whole = ", every metric, the weights" if replay.trial.weights_sha256 else ", every metric"
        return f"identical: {len(replay.trial.losses):,} iterations{whole}"
    more = len(replay.differences) - 1
    return f"differs first in {replay.differences[0]}" + (f"; and {more:,} more" if more else "")


def show_check(check: Check, as_json: bool) -> None:
    """Print every comparison of gradients, and what could not be compared."""
    if as_json:
        compared = [checked.to_dict() for checked in check.compared]
        print_json({"passed": check.passed, "compared": compared, "dropout": check.dropouts})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("part", "when", "array", "entries", "kinks", "ratio", "mean diff.", "verdict"):
        table.add_column(column)
    for checked in check.compared:
        found = checked.comparison
        counts = str(found.analytic.size), str(found.kinks)
        numbers = *counts, f"{found.norm_ratio:.1e}", f"{found.mean_difference:.1e}"
        table.add_row(checked.part, checked.when, found.name, *numbers, found.verdict)
    print_table(table)
    for rate in check.dropouts:
        print(f"not checked: networks with dropout {rate}, whose loss is another at every pass")


def show_reproduced(found: Sequence[Reproduced], as_json: bool) -> None:
    """Print published figures beside ours."""
    if as_json:
        print_json({"figures": [one.to_dict() for one in found]})
        return
    table = Table(box=None, pad_edge=False)
    for column in HEADER:
        table.add_column(column)
    for row in rows(found):
        table.add_row(*row)
    print_table(table)


def _print_status(summary: StudySummary) -> None:
    print(
        f"{summary.name}: {summary.finished} of {summary.wanted} trials finished "
        f"({summary.complete} complete, {summary.pruned} pruned, {summary.failed} failed"
        f"{f', {summary.unfinished} unfinished' if summary.unfinished else ''})"
    )
    if summary.best:
        values = ", ".join(f"{k} {format_value(v)}" for k, v in summary.best.parameters.items())
        print(f"best: {summary.metric} {summary.best.value:.4f} in trial {summary.best.number}")
        print(f"      {values}")
    if summary.at_work:
        places = (f"trial {number} on {machine}" for number, machine in summary.at_work.items())
        print(f"under way: {', '.join(places)}")
    if summary.trouble:
        print(f"trouble of the launch that was left to the cluster: {summary.trouble}")
