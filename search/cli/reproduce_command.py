"""The command reproduce, and its table, which it can also write into a Markdown page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.search.cli import arguments as args
from studyhall.search.cli.output import print_json, print_table
from studyhall.search.common.errors import UsageError
from studyhall.search.common.plain_files import unreadable

if TYPE_CHECKING:
    from studyhall.search.evaluation.reproduction import Reproduced

_MOST_BYTES = 10_000_000  # of a page
BEGIN, END = "<!-- reproduced: begin -->", "<!-- reproduced: end -->"
HEADER = ("system", "study", "what", "measured", "published", "ours", "spread", "runs", "agrees")
_AGREES = {True: "yes", False: "no", None: ""}

reproductions = typer.Typer()


@reproductions.command()
def reproduce(
    system: Annotated[str, typer.Argument(help="A reference system, S1 to S5, or all.")],
    jobs: args.Jobs = None,
    update: Annotated[
        Path | None,
        typer.Option(help="Write the table into this Markdown file, between its marks."),
    ] = None,
    fresh: args.Fresh = False,
    data_dir: args.DataDir = None,
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    quiet: args.Observer = False,
    json: args.Json = False,
) -> None:
    """Run a published system's studies and compare the results."""
    from studyhall.search.common.options import Options
    from studyhall.search.evaluation import reproduction
    from studyhall.search.evaluation.reference import find_systems
    from studyhall.search.runner.views import observer

    systems = find_systems(system)
    args.require(args.at_least_one("--jobs", jobs))
    if update:
        _split(update)
    options = Options(
        jobs=jobs, fresh=fresh, data_dir=data_dir, tracking_uri=tracking_uri, storage=storage
    )
    found = []
    for one in systems:
        with observer(quiet=quiet or json) as progress:
            found += reproduction.reproduce(one, options, progress)
    if json:
        print_json({"figures": [one.to_dict() for one in found]})
    else:
        print_table(HEADER, map(_row, found))
    if update:
        _update(update, found)


def _row(found: Reproduced) -> tuple[str, ...]:
    """The cells of one number, in the order of `HEADER`; the spread is lowest to highest."""
    values = found.values
    return (
        found.system,
        found.study,
        found.label,
        found.quantity.replace("_", " "),
        found.published,
        f"{found.mean:.4f}" + ("" if found.deviation is None else f" ± {found.deviation:.4f}"),
        f"{min(values):.4f} to {max(values):.4f}" if len(values) > 1 else "",
        str(len(values)),
        _AGREES[found.agrees],
    )


def _update(page: Path, found: Sequence[Reproduced]) -> None:
    """Replace the text between the marks of a page by the table."""
    before, after = _split(page)
    lines = [HEADER, ("---",) * len(HEADER), *map(_row, found)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    page.write_text(f"{before}{BEGIN}\n{table}{END}{after}", encoding="utf-8")


def _split(page: Path) -> tuple[str, str]:
    """The text of a page before and after its marks.

    Raises:
        UsageError: the page cannot be read, or lacks a mark.
    """
    try:
        if problem := unreadable(page, _MOST_BYTES):
            raise UsageError(f"--update: {page}: {problem}; name another page")
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--update: {page} cannot be read as UTF-8 text: {error}") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UsageError(
            f"--update: {page} must hold the lines '{BEGIN}' and '{END}'; add them where the "
            "table belongs"
        )
    return before, after
