"""The command line: parse, call, print, exit code. Engines are imported by the commands' work."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.arguments import (
    ClusterOption,
    DataOption,
    FreshOption,
    JobsOption,
    JsonOption,
    QuietOption,
    SetOption,
    StorageOption,
    StudyArgument,
    TrackingOption,
    above_zero,
    at_least_one,
    proper_name,
)
from studyhall.search.cli.champion_commands import champions
from studyhall.search.cli.data_commands import data
from studyhall.search.cli.record_commands import records
from studyhall.search.cli.report_commands import reports
from studyhall.search.cli.service_commands import service
from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.config.study_file import load_study, recorded_name, shipped_studies

app = typer.Typer(
    name="studyhall",
    help="Search hyperparameters of small NumPy networks; every trial is recorded in MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data, name="data")
app.add_typer(records)
app.add_typer(champions)
app.add_typer(reports)
app.add_typer(service, name="service")


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options that go before a command; `studyhall.search.cli.entry` acts on --debug."""


@app.command()
def launch(
    study: StudyArgument,
    trials: Annotated[int | None, typer.Option(help="Trials wanted in total.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds; no trial starts later.")] = None,
    jobs: JobsOption = None,
    set_: SetOption = None,
    name: Annotated[str | None, typer.Option(help="Run under another name.")] = None,
    fresh: FreshOption = False,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    cluster: ClusterOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave the launch to the cluster, and return.")
    ] = False,
    attempts: Annotated[
        int, typer.Option(help="Workers in a row that may die of a trial before it is failed.")
    ] = 5,
    no_preflight: Annotated[
        bool,
        typer.Option("--no-preflight", help="Train networks that fail the sanity checks, too."),
    ] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> int:
    """Run a study until it has its trials; run again to resume or, with --trials, to extend."""
    problems = [
        *at_least_one("--trials", trials),
        *at_least_one("--jobs", jobs),
        *at_least_one("--attempts", attempts),
        *above_zero("--timeout", timeout),
        *proper_name("--name", name),
        *(
            ["--detach: goes with --cluster, which runs the launch"]
            if detach > bool(cluster)
            else []
        ),
    ]
    overrides = list(set_ or [])
    overrides += [f"study.trials={trials}"] if trials and not problems else []
    overrides += [f"study.name={name}"] if name and not problems else []
    try:
        spec = load_study(study, overrides)
    except UsageError as error:
        problems += str(error).splitlines()
    if problems:
        raise UsageError("\n".join(problems))
    from studyhall.search.cli import terminal
    from studyhall.search.common.options import Options
    from studyhall.search.runner import launcher

    options = Options(
        jobs=jobs,
        timeout=timeout,
        attempts=attempts,
        fresh=fresh,
        data_dir=data_dir,
        tracking_uri=tracking_uri,
        storage=storage,
        preflight=not no_preflight,
        cluster=cluster,
    )
    with terminal.observer(quiet=quiet or json) as observer:
        if detach:
            from studyhall.search.runner.detaching import detach as hand_over

            terminal.show_detached(hand_over(spec, options, observer), as_json=json)
            return 0
        summary = launcher.launch(spec, options, observer)
    words = (redact(word) for word in sys.argv[1:] if word != "--fresh")
    again = shlex.join(["studyhall", *words])
    terminal.show_launched(summary, again, as_json=json)
    if summary.finished >= summary.wanted and summary.best is None:
        raise StudyhallError(
            f"{summary.name}: no trial completed; `studyhall ui` shows the reasons"
        )
    return 130 if summary.interrupted else 0


@app.command("list")
def list_studies(storage: StorageOption = None, json: JsonOption = False) -> None:
    """List the studies that ship and those that were run here."""
    from studyhall.search.cli import terminal
    from studyhall.search.study.recorded import recorded_summaries

    terminal.show_studies(shipped_studies(), recorded_summaries(storage), as_json=json)


@app.command()
def status(
    study: StudyArgument,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Say where a study stands: trials, the best, finalists, and who read the test set when."""
    from studyhall.search.cli import terminal
    from studyhall.search.evaluation.readings import recorded_ledger
    from studyhall.search.study.recorded import recorded_summary

    name = recorded_name(study)
    summary = recorded_summary(name, storage)
    try:
        terminal.show_status(summary, recorded_ledger(name, storage, tracking_uri), as_json=json)
    except StudyhallError as error:  # the rest is known all the same
        terminal.show_status(summary, str(error), as_json=json)


@app.command()
def stop(
    study: StudyArgument,
    now: Annotated[bool, typer.Option("--now", help="Leave running trials unfinished.")] = False,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Have all launches of a study stop, on whatever machine: running trials are finished."""
    from studyhall.search.cli import terminal
    from studyhall.search.common.options import Options
    from studyhall.search.runner import stopping

    name = recorded_name(study)
    terminal.show_stopping(stopping.stop(name, Options(storage=storage), at_once=now), as_json=json)


@app.command()
def best(study: StudyArgument, storage: StorageOption = None, json: JsonOption = False) -> None:
    """Print the parameters of a study's best trial."""
    from studyhall.search.cli import terminal
    from studyhall.search.study.recorded import recorded_summary

    summary = recorded_summary(recorded_name(study), storage)
    if summary.best is None:
        raise UsageError(f"{summary.name}: no trial has completed yet; launch it on")
    terminal.show_best(summary, as_json=json)


@app.command()
def check(
    study: StudyArgument,
    set_: SetOption = None,
    data_dir: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Compare analytic with numeric gradients of all that a study's networks are made of."""
    from studyhall.search.cli import terminal
    from studyhall.search.data.datasets import fetch
    from studyhall.search.training.checking import check_gradients
    from studyhall.search.training.preflight import require_data

    spec = load_study(study, set_ or [])
    with terminal.observer(quiet=json) as observer:
        spec = require_data(spec, data_dir, observer.fetching)
        folder = fetch(spec.data_settings, data_dir=data_dir, progress=observer.fetching)
    found = check_gradients(spec, folder)
    terminal.show_check(found, as_json=json)
    if not found.passed:
        raise StudyhallError(
            f"{spec.study.name}: gradients differ, or could not be compared; see the table"
        )


@app.command()
def reproduce(
    system: Annotated[str, typer.Argument(help="A reference system, S1 to S5, or all.")],
    jobs: JobsOption = None,
    update: Annotated[
        Path | None, typer.Option(help="Markdown file to put the table into, between its marks.")
    ] = None,
    fresh: FreshOption = False,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run the studies of a published system and print its figures beside ours."""
    from studyhall.search.cli import terminal
    from studyhall.search.common.options import Options
    from studyhall.search.evaluation import reproduction_table
    from studyhall.search.evaluation.reference import find_systems
    from studyhall.search.evaluation.reproduction import reproduce

    problems = at_least_one("--jobs", jobs)
    systems = find_systems(system)
    if problems:
        raise UsageError("\n".join(problems))
    if update:
        reproduction_table.require_marks(update)
    options = Options(
        jobs=jobs, fresh=fresh, data_dir=data_dir, tracking_uri=tracking_uri, storage=storage
    )
    found = []
    for one in systems:
        with terminal.observer(quiet=quiet or json) as observer:
            found += reproduce(one, options, observer)
    terminal.show_reproduced(found, as_json=json)
    if update:
        reproduction_table.update(update, found)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine alone.")] = 5000,
    tracking_uri: TrackingOption = None,
) -> None:
    """Serve MLflow's UI of the runs recorded here."""
    from studyhall.search.tracking.mlflow_ui import serve

    serve(port, tracking_uri)
