"""The commands that run a study and show its state: launch, list, status, stop, best and ui."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from studyhall.search.cli import arguments as args
from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import StudyhallError, UsageError

studies = typer.Typer()


@studies.command()
def launch(
    study: args.Study,
    trials: Annotated[
        int | None, typer.Option(help="Total number of trials, finished ones included.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Start no new trials after this many seconds.")
    ] = None,
    jobs: args.Jobs = None,
    set_: args.Set = None,
    name: Annotated[str | None, typer.Option(help="Run the study under this name.")] = None,
    fresh: args.Fresh = False,
    data_dir: args.DataDir = None,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    cluster: args.Cluster = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Hand the launch over to the cluster and return.")
    ] = False,
    attempts: Annotated[
        int, typer.Option(help="Fail a trial after this many of its workers crashed in a row.")
    ] = 5,
    no_preflight: Annotated[
        bool,
        typer.Option("--no-preflight", help="Also train networks that fail the sanity checks."),
    ] = False,
    quiet: args.Observer = False,
    json: args.Json = False,
) -> int:
    """Start, resume or extend a study."""
    from studyhall.search.config.study_file import load_study

    problems = [
        args.at_least_one("--trials", trials),
        args.at_least_one("--jobs", jobs),
        args.at_least_one("--attempts", attempts),
        args.above_zero("--timeout", timeout),
        args.proper_name("--name", name),
        "--detach: needs --cluster, which runs the launch" if detach > bool(cluster) else None,
    ]
    overrides = list(set_ or [])
    if not any(problems):
        overrides += [f"study.trials={trials}"] if trials else []
        overrides += [f"study.name={name}"] if name else []
    try:
        spec = load_study(study, overrides)
    except UsageError as error:
        problems.append(str(error))
    args.require(*problems)
    from studyhall.search.cli import study_view
    from studyhall.search.common.options import Options
    from studyhall.search.runner import launcher
    from studyhall.search.runner.views import observer

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
    with observer(quiet=quiet or json) as progress:
        if detach:
            from studyhall.search.runner.detaching import detach as hand_over

            study_view.show_detached(hand_over(spec, options, progress), as_json=json)
            return 0
        summary = launcher.launch(spec, options, progress)
    words = (redact(word) for word in sys.argv[1:] if word != "--fresh")
    study_view.show_launched(summary, shlex.join(["studyhall", *words]), as_json=json)
    if summary.finished >= summary.wanted and summary.best is None:
        raise StudyhallError(summary.no_best)
    return 130 if summary.interrupted else 0


@studies.command("list")
def list_studies(storage: args.Storage = None, json: args.Json = False) -> None:
    """List shipped and recorded studies."""
    from studyhall.search.cli.study_view import show_studies
    from studyhall.search.config.study_file import shipped_studies
    from studyhall.search.study.recorded import recorded_summaries

    show_studies(shipped_studies(), recorded_summaries(storage), as_json=json)


@studies.command()
def status(
    study: args.Recorded,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> None:
    """Show trials, best result, finalists and test evaluations."""
    from studyhall.search.cli.study_view import show_status
    from studyhall.search.evaluation.verdict import ledger_of
    from studyhall.search.study.recorded import open_recorded, summary_of

    recorded = open_recorded(study, storage)
    summary = summary_of(recorded)
    try:
        show_status(summary, ledger_of(recorded, tracking_uri), as_json=json)
    except StudyhallError as error:  # The rest is known without MLflow.
        show_status(summary, str(error), as_json=json)


@studies.command()
def stop(
    study: args.Recorded,
    now: Annotated[
        bool, typer.Option("--now", help="Stop at once and leave running trials unfinished.")
    ] = False,
    storage: args.Storage = None,
    json: args.Json = False,
) -> None:
    """Stop all launches of a study after their running trials."""
    from studyhall.search.cli.study_view import show_stopping
    from studyhall.search.common.options import Options
    from studyhall.search.runner import stopping

    show_stopping(stopping.stop(study, Options(storage=storage), at_once=now), as_json=json)


@studies.command()
def best(study: args.Recorded, storage: args.Storage = None, json: args.Json = False) -> None:
    """Print the parameters of a study's best trial."""
    from studyhall.search.cli.study_view import show_best
    from studyhall.search.study.recorded import recorded_summary

    show_best(recorded_summary(study, storage), as_json=json)


@studies.command()
def ui(
    port: Annotated[int, typer.Option(help="Port, open to this machine only.")] = 5000,
    tracking_uri: args.Tracking = None,
) -> None:
    """Serve MLflow's UI for the recorded runs."""
    from studyhall.search.tracking.mlflow_ui import serve

    serve(port, tracking_uri)
