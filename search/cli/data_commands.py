"""The commands `studyhall data …`."""

from __future__ import annotations

from typing import Annotated

import typer

from studyhall.search.cli.arguments import DataOption, JsonOption
from studyhall.search.common.errors import StudyhallError

NameArgument = Annotated[
    str,
    typer.Argument(
        help="A data set (cifar10, mnist, two_moons, two_blobs), a study that ships, or a study "
        "file's path."
    ),
]

_PROBLEMS = 50  # shown of what is wrong

data = typer.Typer(help="Fetch and check data sets.", no_args_is_help=True)


@data.command("fetch")
def data_fetch(name: NameArgument, data_dir: DataOption = None) -> None:
    """Fetch, verify and decode a data set, or a study's, into the cache."""
    from studyhall.search.cli import terminal
    from studyhall.search.data.data_targets import fetch_data

    with terminal.observer() as observer:
        folder = fetch_data(name, data_dir, observer.fetching)
    typer.echo(f"{name}: verified and ready in {folder}")


@data.command("verify")
def data_verify(name: NameArgument, data_dir: DataOption = None, json: JsonOption = False) -> None:
    """Read every byte of a cached data set again; name what is wrong, and count duplicates."""
    from studyhall.search.cli import terminal
    from studyhall.search.data.data_targets import verify_data

    found = verify_data(name, data_dir)
    terminal.show_verification(found, as_json=json)
    if not found.intact:
        more = len(found.problems) - _PROBLEMS
        rest = [f"{found.name}: and {more:,} more problems; --json lists them"] if more > 0 else []
        raise StudyhallError("\n".join([*found.problems[:_PROBLEMS], *rest]))
