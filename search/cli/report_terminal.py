"""What the commands report, export and compare print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from studyhall.search.cli.wide_table import print_table
from studyhall.search.common.words import counted

if TYPE_CHECKING:
    from studyhall.search.reports.report import Written
    from studyhall.search.reports.study_comparison import Comparison


def show_written(written: Written, as_json: bool) -> None:
    """Print where a report is."""
    if as_json:
        print(json.dumps(written.to_dict()))
        return
    also = ", and in MLflow as report/report.html of the study's run" if written.run_id else ""
    print(f"{written.study}: report in {written.file} ({_size(written.bytes)}){also}")
    if written.trouble:
        print(f"not in MLflow: {written.trouble}")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def show_exported(count: int, file: Path) -> None:
    """Print how many trials a table has."""
    print(f"{counted(count, 'trial')} in {file}")


def show_comparison(comparison: Comparison, as_json: bool) -> None:
    """Print two studies side by side."""
    if as_json:
        print(json.dumps(comparison.to_dict()))
        return
    for reason in comparison.incomparable:
        print(f"not comparable: {reason}")
    table = Table(box=None, pad_edge=False)
    for column in ("", *(study.name for study in comparison.studies)):
        table.add_column(Text(column), overflow="fold")
    for row in comparison.rows():
        table.add_row(*map(Text, row))  # as it is: what is in brackets is no markup
    print_table(table)
