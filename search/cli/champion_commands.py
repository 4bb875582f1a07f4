"""The commands that are about a study's champion: finalists, evaluate and predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.arguments import (
    ClusterOption,
    DataOption,
    JobsOption,
    JsonOption,
    QuietOption,
    StorageOption,
    StudyArgument,
    TrackingOption,
    above_zero,
    at_least_one,
)
from studyhall.search.common.errors import UsageError
from studyhall.search.config.study_file import recorded_name

champions = typer.Typer()


@champions.command()
def finalists(
    study: StudyArgument,
    configurations: Annotated[
        int | None, typer.Option(help="How many of the best are trained again.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="From how many fresh seeds each.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds; none starts later.")] = None,
    jobs: JobsOption = None,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    cluster: ClusterOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> int:
    """Train the best of a study again from fresh seeds; the best by mean is the champion."""
    problems = [
        *at_least_one("--configurations", configurations),
        *at_least_one("--seeds", seeds),
        *at_least_one("--jobs", jobs),
        *above_zero("--timeout", timeout),
    ]
    if problems:
        raise UsageError("\n".join(problems))
    from studyhall.search.cli import champion_view, terminal
    from studyhall.search.common.options import Options
    from studyhall.search.runner.finals import train_finalists

    options = Options(
        jobs=jobs,
        timeout=timeout,
        data_dir=data_dir,
        tracking_uri=tracking_uri,
        storage=storage,
        cluster=cluster,
    )
    name = recorded_name(study)
    with terminal.observer(quiet=quiet or json) as observer:
        summary = train_finalists(name, configurations, seeds, options, observer)
    champion_view.show_finals(summary, as_json=json)
    return 130 if summary.interrupted else 0


@champions.command()
def evaluate(
    study: StudyArgument,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> None:
    """Reload a study's champion from the registry and judge it on the test split."""
    from studyhall.search.cli import champion_view, terminal
    from studyhall.search.evaluation.verdict import judge

    with terminal.observer(quiet=json) as observer:
        verdict = judge(recorded_name(study), tracking_uri, data_dir, observer.fetching)
    champion_view.show_verdict(verdict, as_json=json)


@champions.command()
def predict(
    study: StudyArgument,
    pictures: Annotated[list[Path], typer.Argument(help="Picture files.")],
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> None:
    """Classify pictures with a study's champion."""
    from studyhall.search.cli import champion_view
    from studyhall.search.evaluation.predictions import classify

    name = recorded_name(study)
    champion_view.show_predictions(classify(name, pictures, tracking_uri), as_json=json)
