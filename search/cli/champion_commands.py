"""The commands on a study's champion: finalists, evaluate and predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli import arguments as args

champions = typer.Typer()


@champions.command()
def finalists(
    study: args.Recorded,
    configurations: Annotated[
        int | None, typer.Option(help="Number of best trials to retrain.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of fresh seeds for each.")] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Start no new trainings after this many seconds.")
    ] = None,
    jobs: args.Jobs = None,
    data_dir: args.DataDir = None,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    cluster: args.Cluster = None,
    quiet: args.Observer = False,
    json: args.Json = False,
) -> int:
    """Retrain the best trials from fresh seeds to choose the champion."""
    args.require(
        args.at_least_one("--configurations", configurations),
        args.at_least_one("--seeds", seeds),
        args.at_least_one("--jobs", jobs),
        args.above_zero("--timeout", timeout),
    )
    from studyhall.search.cli.study_view import show_finals
    from studyhall.search.common.options import Options
    from studyhall.search.runner.finals import train_finalists
    from studyhall.search.runner.views import observer

    options = Options(
        jobs=jobs,
        timeout=timeout,
        data_dir=data_dir,
        tracking_uri=tracking_uri,
        storage=storage,
        cluster=cluster,
    )
    with observer(quiet=quiet or json) as progress:
        summary = train_finalists(study, configurations, seeds, options, progress)
    show_finals(summary, as_json=json)
    return 130 if summary.interrupted else 0


@champions.command()
def evaluate(
    study: args.Recorded,
    data_dir: args.DataDir = None,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> None:
    """Evaluate a study's champion on the test set."""
    from studyhall.search.cli.champion_view import show_verdict
    from studyhall.search.evaluation.verdict import judge
    from studyhall.search.runner.views import observer

    with observer(quiet=json) as progress:
        verdict = judge(study, tracking_uri, data_dir, progress.fetching, storage)
    show_verdict(verdict, as_json=json)


@champions.command()
def predict(
    study: args.Recorded,
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> None:
    """Classify images with a study's champion."""
    from studyhall.search.cli.champion_view import show_predictions
    from studyhall.search.evaluation.predictions import classify

    show_predictions(classify(study, images, tracking_uri, storage), as_json=json)
