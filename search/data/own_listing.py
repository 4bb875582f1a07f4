"""What lies in a folder of the user's own, as far as it counts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from studyhall.search.data.own_pictures import FORMATS

# What file browsers leave behind.
_IGNORED = ("Thumbs.db", "desktop.ini")
_SHOWN = 5  # of files of which the same is wrong, which can be thousands


def entries(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name, but for what is hidden; nothing if it is not there."""
    if not folder.is_dir():
        return []
    found = sorted(folder.iterdir(), key=lambda path: path.name)
    return [path for path in found if not path.name.startswith(".") and path.name not in _IGNORED]


def folders(folder: Path) -> list[Path]:
    """The folders in a folder."""
    return [path for path in entries(folder) if path.is_dir()]


def pictures(folder: Path) -> list[Path]:
    """What lies right in a folder and is called like a picture."""
    from PIL import Image

    endings = {end for end, name in Image.registered_extensions().items() if name in FORMATS}
    return [p for p in entries(folder) if not p.is_dir() and p.suffix.lower() in endings]


def loose_pictures(folder: Path) -> Iterator[str]:
    """Beside the classes there may be a note or a licence, but a picture there has no class."""
    one = "must lie in the folder of its class; move it there or delete it"
    rest = "more pictures must lie in the folder of their class; move them there or delete them"
    yield from first_few(dict.fromkeys(pictures(folder), one), folder, rest)


def undecodable_names(paths: Iterable[Path], folder: Path) -> Iterator[str]:
    """A name is kept as text, so it must be one: other programs may have written any bytes."""
    told = {
        path: "must have a name in UTF-8; rename it"
        for path in paths
        if _readable(path.name) != path.name
    }
    yield from first_few(told, folder, "more names must be in UTF-8; rename them")


def first_few(told: Mapping[Path, str], folder: Path, rest: str) -> Iterator[str]:
    """Yield the first sentences, and how many more there are.

    Args:
        told: what is wrong with each path.
        folder: where they all are.
        rest: what is wrong with those that are not named, after their number.
    """
    for path in list(told)[:_SHOWN]:
        yield f"{_readable(str(path))}: {told[path]}"
    if len(told) > _SHOWN:
        yield f"{folder}: {len(told) - _SHOWN:,} {rest}"


def _readable(name: str) -> str:
    """A name as a sentence can have it: of bytes that are no UTF-8, their numbers."""
    return os.fsencode(name).decode(errors="backslashreplace")
