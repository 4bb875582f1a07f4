"""The commands `studyhall data …`."""

from __future__ import annotations

from typing import Annotated

import typer

from search.arguments import DataOption, JsonOption
from search.errors import StudyhallError

NameArgument = Annotated[
    str, typer.Argument(help="A data set: cifar10, mnist, two_moons or two_blobs.")
]

data = typer.Typer(help="Fetch and check data sets.", no_args_is_help=True)


@data.command("fetch")
def data_fetch(name: NameArgument, data_dir: DataOption = None) -> None:
    """Fetch, verify and decode a data set into the cache."""
    from search import terminal
    from search.datasets import fetch

    with terminal.observer() as observer:
        folder = fetch(name, data_dir=data_dir, progress=observer.fetching)
    typer.echo(f"{name}: verified and ready in {folder}")


@data.command("verify")
def data_verify(name: NameArgument, json: JsonOption = False) -> None:
    """Read every byte of a cached data set again and name what is wrong."""
    from search import terminal
    from search.datasets import verify

    found = verify(name)
    terminal.show_verification(found, as_json=json)
    if not found.intact:
        raise StudyhallError("\n".join(found.problems))
