"""Tables that are as wide as what is in them, where no terminal sets a limit."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

_MOST_COLUMNS = 1000


def print_table(table: Table, indent: int = 0) -> None:
    """Print a table; into a pipe whole, where Rich would fold it to 80 columns."""
    console = Console(width=None if sys.stdout.isatty() else _MOST_COLUMNS)
    console.print(Padding(table, (0, 0, 0, indent), expand=False))
