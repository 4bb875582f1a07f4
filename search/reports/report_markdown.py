"""A report as Markdown: the words, tables and commands, without figures and pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from studyhall.search.reports.report_parts import Cell, Code, Link, Section, Table, Words

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#&])")


def render_markdown(name: str, sections: Sequence[Section], written: datetime) -> bytes:
    """Render a report as Markdown; what comes from a study is escaped.

    Args:
        name: The study.
        sections: What the report says; those that hold pictures alone are left out.
        written: Now, in UTC.
    """
    blocks = [f"# {_text(name)}", f"Study report, written {written:%Y-%m-%d %H:%M} UTC"]
    for section in sections:
        if parts := [block for part in section.parts for block in _part(part)]:
            blocks += [f"## {_text(section.title)}", *parts]
    return ("\n\n".join(blocks) + "\n").encode()


def _part(part: object) -> Iterator[str]:
    if isinstance(part, Words):
        yield _text(part.text)
    elif isinstance(part, Table):
        if part.caption:
            yield f"**{_text(part.caption)}**"
        yield _table(part)
    elif isinstance(part, Code):
        if part.caption:
            yield f"**{_text(part.caption)}**"
        yield f"```\n{part.text.rstrip()}\n```"


def _table(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head)]
    shown = [_row([_text(cell) for cell in table.head]), _row(lines[1])]
    shown += [_row([_text(cell) for cell in row]) for row in table.rows]
    return "\n".join(shown)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(content: Cell) -> str:
    """Escaped, and on one line, so that it ends neither a cell nor a heading."""
    if isinstance(content, Link):
        return f"[{_text(content.text)}]({content.address})"
    return _SPECIAL.sub(r"\\\1", " ".join(content.split()))
