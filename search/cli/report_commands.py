"""The commands that tell of recorded studies: report, export and compare."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.arguments import JsonOption, StorageOption, StudyArgument, TrackingOption
from studyhall.search.config.study_file import recorded_name

reports = typer.Typer()

ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


@reports.command()
def report(
    study: StudyArgument,
    output: Annotated[
        Path | None, typer.Option(help="The file to write; STUDY-report.html here by default.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write Markdown without pictures, STUDY-report.md.")
    ] = False,
    force: ForceOption = False,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Write all that is known of a study as one page that opens without a network."""
    # The search for garbage takes a quarter of the time, and this process ends with the report.
    gc.disable()
    from studyhall.search.cli import report_terminal
    from studyhall.search.reports.report import write_report

    name = recorded_name(study)
    written = write_report(
        name, output, markdown=markdown, force=force, storage=storage, tracking_uri=tracking_uri
    )
    report_terminal.show_written(written, as_json=json)


@reports.command()
def export(
    study: StudyArgument,
    file: Annotated[Path, typer.Argument(help="The file to write: .csv or .parquet.")],
    force: ForceOption = False,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
) -> None:
    """Write a row for each trial of a study to a CSV or Parquet file."""
    from studyhall.search.cli import report_terminal
    from studyhall.search.reports.export import export_study

    count = export_study(
        recorded_name(study), file, replace=force, storage=storage, tracking_uri=tracking_uri
    )
    report_terminal.show_exported(count, file)


@reports.command()
def compare(
    first: StudyArgument,
    second: StudyArgument,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Put two recorded studies side by side."""
    from studyhall.search.cli import report_terminal
    from studyhall.search.reports.study_comparison import compare_recorded

    names = recorded_name(first), recorded_name(second)
    report_terminal.show_comparison(compare_recorded(*names, storage, tracking_uri), as_json=json)
