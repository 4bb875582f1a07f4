"""The commands that maintain what was recorded, and what they print: doctor, sync, replay, gc."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.search.cli import arguments as args
from studyhall.search.cli.output import print_json
from studyhall.search.common.words import counted

if TYPE_CHECKING:
    from studyhall.search.evaluation.replay import Replay
    from studyhall.search.sync.doctor import Examination
    from studyhall.search.sync.retention import Cleanup
    from studyhall.search.sync.sync_studies import SyncResult

_REMOVALS = {
    "run": "deleted run",
    "weights": "weights of run",
    "outbox": "leftovers of a removed study:",
}

records = typer.Typer()


@records.command()
def doctor(
    study: args.Recorded,
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what differs, and retrain lost trials.")
    ] = False,
    data_dir: args.DataDir = None,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> int:
    """Compare a study's trials with their runs and files in MLflow."""
    from studyhall.search.common.options import Options
    from studyhall.search.runner.views import observer
    from studyhall.search.sync.doctor import examine

    options = Options(data_dir=data_dir, tracking_uri=tracking_uri, storage=storage)
    with observer(quiet=json) as progress:
        examination = examine(study, options, progress, fix=fix)
    _show_examination(examination, as_json=json)
    return 0 if examination.healthy else 1


def _show_examination(examination: Examination, as_json: bool) -> None:
    """Print what differs between a study and its runs, and what was repaired."""
    if as_json:
        print_json(examination.to_dict())
        return
    name, found = examination.study, examination.found
    if not found and not (examination.repairs and examination.repairs.done):
        print(f"OK: all trials of {name} match MLflow.")
    if examination.repairs is None:
        for finding in found:
            print(f"found: {finding.problem}")
        if found:
            print(f"to repair: studyhall doctor {name} --fix")
        return
    for sentence in examination.repairs.done:
        print(f"repaired: {sentence}")
    for sentence in examination.repairs.left:
        print(f"not repaired: {sentence}")


@records.command()
def sync(
    study: args.AnyRecorded = None,
    data_dir: args.DataDir = None,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> int:
    """Upload records kept while MLflow was unreachable."""
    from studyhall.search.common.options import Options
    from studyhall.search.runner.views import observer
    from studyhall.search.sync.sync_studies import sync_studies

    options = Options(data_dir=data_dir, tracking_uri=tracking_uri, storage=storage)
    with observer(quiet=json) as progress:
        sent = sync_studies(study, options, progress)
    _show_sent(sent, as_json=json)
    return 1 if any(one.unsent for one in sent) else 0


def _show_sent(sent: Sequence[SyncResult], as_json: bool) -> None:
    """Print how many records of each study were uploaded, and why others were not."""
    if as_json:
        print_json({"studies": [one.to_dict() for one in sent]})
        return
    if not sent:
        print("Nothing to upload.")
    for one in sent:
        print(f"{one.study}: {counted(one.sent, 'record')} uploaded, {len(one.unsent)} remaining")
        for unsent in one.unsent:
            print(f"  trial {unsent.number}: {unsent.reason}")


@records.command()
def replay(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="Runs of trials: ids, runs:/ID, or addresses of MLflow's UI."
        ),
    ],
    data_dir: args.DataDir = None,
    tracking_uri: args.Tracking = None,
    json: args.Json = False,
) -> int:
    """Train recorded trials again and compare them bit for bit."""
    from studyhall.search.evaluation.replay import replay_runs
    from studyhall.search.runner.views import observer

    with observer(quiet=json) as progress:
        replays = replay_runs(runs, tracking_uri, data_dir, progress.fetching)
    found = _show_replays(replays, as_json=json)
    return 0 if all(one.identical for one in found) else 1


def _show_replays(replays: Iterable[Replay], as_json: bool) -> list[Replay]:
    """Print each comparison as soon as its trial is trained; return all replays."""
    found = []
    for replay in replays:
        found.append(replay)
        if not as_json:
            print(f"{replay.trial.name}: {_compared(replay)}", flush=True)
    identical = sum(replay.identical for replay in found)
    if as_json:
        all_found = [replay.to_dict() for replay in found]
        print_json({"runs": len(found), "identical": identical, "replays": all_found})
        return found
    if len(found) > 1:
        print(f"{identical} of {len(found)} identical")
    changes = Counter(change for replay in found for change in replay.environment)
    for (name, was, here), count in changes.items():
        runs = f" ({count} of {len(found)} runs)" if count < len(found) else ""
        print(f"environment: {name} was {was or 'not known'}, here {here or 'not known'}{runs}")
    return found


def _compared(replay: Replay) -> str:
    if replay.identical:
        whole = ", every metric, the weights" if replay.trial.has_weights else ", every metric"
        return f"identical: {len(replay.trial.losses):,} iterations{whole}"
    more = len(replay.differences) - 1
    return f"differs first in {replay.differences[0]}" + (f"; and {more:,} more" if more else "")


@records.command()
def gc(
    study: args.AnyRecorded = None,
    keep_weights: Annotated[
        int | None,
        typer.Option(help="Remove the weights of all but this many best trials of each study."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete for good; by default only list.")
    ] = False,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> None:
    """List or delete removed runs, leftovers and old weights."""
    from studyhall.search.common.options import Options
    from studyhall.search.sync.retention import clean_up

    args.require(args.at_least_one("--keep-weights", keep_weights))
    options = Options(tracking_uri=tracking_uri, storage=storage)
    _show_cleanup(clean_up(study, options, keep_weights=keep_weights, remove=yes), as_json=json)


def _show_cleanup(found: Cleanup, as_json: bool) -> None:
    """Print what can be or was deleted with its size, and what is kept."""
    if as_json:
        print_json(found.to_dict())
        return
    for one in found.removals:
        trial = "" if one.trial is None else f" trial {one.trial}:"
        print(f"{one.study}:{trial} {_REMOVALS[one.kind]} {one.what} ({one.size:,} bytes)")
    for sentence in found.kept:
        print(f"kept: {sentence}")
    if number := len(found.removals):
        state = "deleted" if found.done else "can be deleted"
        print(f"{state}: {counted(number, 'item')}, {found.size:,} bytes")
    else:
        print("Nothing to delete.")
    if found.manual_command:
        print(f"to delete the runs on MLflow's server: {found.manual_command}")
    if number and not found.done:
        print("to delete for good: run the same command with --yes")
