"""Where in the text of a study file a key stands."""

from __future__ import annotations

import re

from studyhall.search.config.findings import Path


def line_of(text: str, path: Path) -> int:
    """The line of a study file on which the key at `path`, or the nearest table above it, stands.

    The TOML reader of the standard library keeps no positions, so the text is searched for the
    headers and keys that study files are written with; a stranger layout yields the table's line.
    """
    best, best_line, table = 0, 1, ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.\-]+)\s*\]", line):
            name = header[2]
            counts[name] = counts.get(name, -1) + 1
            table = (*name.split("."), *((counts[name],) if header[1] == "[[" else ()))
            here: Path = table
        elif key := re.match(r"\s*([\w\-]+)\s*=", line):
            here = (*table, key[1])
        else:
            continue
        if len(here) > best and path[: len(here)] == here:
            best, best_line = len(here), number
    return best_line
