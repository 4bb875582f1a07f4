"""The commands that write or compare recorded studies, and what they print."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.search.cli import arguments as args
from studyhall.search.cli.output import print_json, print_table
from studyhall.search.common.words import counted

if TYPE_CHECKING:
    from studyhall.search.reports.report import Written
    from studyhall.search.reports.study_comparison import Comparison

ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]

reports = typer.Typer()


@reports.command()
def report(
    study: args.Recorded,
    output: Annotated[
        Path | None, typer.Option(help="File to write; by default STUDY-report.html.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write Markdown without plots: STUDY-report.md.")
    ] = False,
    force: ForceOption = False,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> None:
    """Write a study's report as one HTML page that needs no network."""
    # Collecting garbage would take a quarter of the time, and this process ends with the report.
    gc.disable()
    from studyhall.search.reports.report import write_report

    written = write_report(
        study, output, markdown=markdown, force=force, storage=storage, tracking_uri=tracking_uri
    )
    show_written(written, as_json=json)


def show_written(written: Written, as_json: bool) -> None:
    """Print where the report is."""
    if as_json:
        print_json(written.to_dict())
        return
    also = ", and in MLflow as report/report.html of the study's run" if written.run_id else ""
    size = written.bytes
    shown = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    print(f"{written.study}: report in {written.file} ({shown}){also}")
    if written.trouble:
        print(f"not in MLflow: {written.trouble}")


@reports.command()
def export(
    study: args.Recorded,
    file: Annotated[Path, typer.Argument(help="File to write: .csv or .parquet.")],
    force: ForceOption = False,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
) -> None:
    """Export a study's trials to a CSV or Parquet file."""
    from studyhall.search.reports.export import export_study

    count = export_study(study, file, replace=force, storage=storage, tracking_uri=tracking_uri)
    print(f"{counted(count, 'trial')} written to {file}")


@reports.command()
def compare(
    first: args.Recorded,
    second: args.Recorded,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    json: args.Json = False,
) -> None:
    """Compare two recorded studies side by side."""
    from studyhall.search.reports.study_comparison import compare_recorded

    show_comparison(compare_recorded(first, second, storage, tracking_uri), as_json=json)


def show_comparison(comparison: Comparison, as_json: bool) -> None:
    """Print two studies side by side."""
    if as_json:
        print_json(comparison.to_dict())
        return
    for reason in comparison.incomparable:
        print(f"not comparable: {reason}")
    print_table(("", *(study.name for study in comparison.studies)), comparison.rows())
