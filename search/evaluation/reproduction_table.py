"""The figures of reproduced systems as a Markdown table, put into a page between two marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import UsageError

if TYPE_CHECKING:
    from studyhall.search.evaluation.reproduction import Reproduced

BEGIN, END = "<!-- reproduced: begin -->", "<!-- reproduced: end -->"
HEADER = ("system", "study", "what", "measured", "published", "ours", "spread", "runs", "agrees")
_AGREES = {True: "yes", False: "no", None: ""}


def rows(found: Iterable[Reproduced]) -> list[tuple[str, ...]]:
    """The cells of each figure, in the order of `HEADER`; the spread is lowest to highest."""
    return [
        (
            f.system,
            f.study,
            f.label,
            f.quantity.replace("_", " "),
            f.published,
            f"{f.mean:.4f}" + (f" ± {f.deviation:.4f}" if f.deviation is not None else ""),
            f"{min(f.values):.4f} to {max(f.values):.4f}" if len(f.values) > 1 else "",
            str(len(f.values)),
            _AGREES[f.agrees],
        )
        for f in found
    ]


def markdown(found: Iterable[Reproduced]) -> str:
    """The table in Markdown."""
    lines = [HEADER, ("---",) * len(HEADER), *rows(found)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def require_marks(page: Path) -> None:
    """Refuse a page that has no place for the table, before any work starts.

    Raises:
        UsageError: it cannot be read, or does not hold both marks in their order.
    """
    _parts(page)


def update(page: Path, found: Sequence[Reproduced]) -> None:
    """Put the table between the marks of a page, in place of what stands there.

    Raises:
        UsageError: as `require_marks`.
    """
    before, after = _parts(page)
    content = f"{before}{BEGIN}\n{markdown(found)}{END}{after}"
    page.write_text(content, encoding="utf-8")


def _parts(page: Path) -> tuple[str, str]:
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--update: {page} cannot be read as UTF-8 text: {error}") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UsageError(
            f"--update: {page} must hold the lines '{BEGIN}' and '{END}', which the table goes "
            "between; add them"
        )
    return before, after
