"""Print JSON, and tables that are not folded where no terminal limits their width."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_PIPE_COLUMNS = 1000  # Rich would fold a table to 80 columns where there is no terminal.


def print_json(value: object) -> None:
    """Print a result for scripts: one line of JSON."""
    print(json.dumps(value))


def print_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[str]],
    *,
    right: Iterable[str] = (),
    indent: int = 0,
    gap: int = 1,
) -> None:
    """Print a table.

    Args:
        columns: The heading of each column.
        rows: The cells of each row; brackets in them are printed as they are.
        right: The headings of the columns that are aligned to the right.
        indent: Spaces before each line.
        gap: Spaces between columns.
    """
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0) if gap > 1 else (0, 1))
    for column in columns:
        side: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(Text(column), justify=side, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
    console.print(Padding(table, (0, 0, 0, indent), expand=False))
