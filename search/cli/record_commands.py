"""The commands that look after what was recorded: doctor, sync, replay and gc."""

from __future__ import annotations

from typing import Annotated

import typer

from studyhall.search.cli.arguments import (
    DataOption,
    JsonOption,
    StorageOption,
    StudyArgument,
    TrackingOption,
    at_least_one,
)
from studyhall.search.common.errors import UsageError
from studyhall.search.config.study_file import recorded_name

records = typer.Typer()


@records.command()
def doctor(
    study: StudyArgument,
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what is found; train again what is lost.")
    ] = False,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> int:
    """Compare a study's record with its runs in MLflow, trial by trial, files included."""
    from studyhall.search.cli import terminal
    from studyhall.search.common.options import Options
    from studyhall.search.sync.doctor import examine

    options = Options(data_dir=data_dir, tracking_uri=tracking_uri, storage=storage)
    with terminal.observer(quiet=json) as observer:
        examination = examine(recorded_name(study), options, observer, fix=fix)
    terminal.show_examination(examination, as_json=json)
    return 0 if examination.healthy else 1


@records.command()
def sync(
    study: Annotated[
        str | None, typer.Argument(help="A recorded study; all of them by default.")
    ] = None,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> int:
    """Send MLflow the records that wait since it was away."""
    from studyhall.search.cli import terminal
    from studyhall.search.common.options import Options
    from studyhall.search.sync.sync_studies import sync_studies

    options = Options(data_dir=data_dir, tracking_uri=tracking_uri, storage=storage)
    with terminal.observer(quiet=json) as observer:
        sent = sync_studies(recorded_name(study) if study else None, options, observer)
    terminal.show_sent(sent, as_json=json)
    return 1 if any(one.unsent for one in sent) else 0


@records.command()
def replay(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="Runs of trials: ids, runs:/ID, or addresses of MLflow's UI."
        ),
    ],
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> int:
    """Train recorded trials again and compare: every point of the curves, and the weights."""
    from studyhall.search.cli import terminal
    from studyhall.search.evaluation.replay import replay_runs

    with terminal.observer(quiet=json) as observer:
        replays = replay_runs(runs, tracking_uri, data_dir, observer.fetching)
    found = terminal.show_replays(replays, as_json=json)
    return 0 if all(one.identical for one in found) else 1


@records.command()
def gc(
    study: Annotated[
        str | None, typer.Argument(help="A recorded study; all of them by default.")
    ] = None,
    keep_weights: Annotated[
        int | None,
        typer.Option(help="Remove weights of all but so many of each study's best trials."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete it for good; without this it is only listed.")
    ] = False,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """List what may go for good: deleted runs, leftovers of studies that are gone, weights."""
    from studyhall.search.cli import retention_view
    from studyhall.search.common.options import Options
    from studyhall.search.sync.retention import collect

    if problems := at_least_one("--keep-weights", keep_weights):
        raise UsageError("\n".join(problems))
    options = Options(tracking_uri=tracking_uri, storage=storage)
    name = recorded_name(study) if study else None
    found = collect(name, options, keep_weights=keep_weights, remove=yes)
    retention_view.show_collection(found, as_json=json)
