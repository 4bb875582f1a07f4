"""The entries of a folder of the user's images, without what other programs leave there."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from studyhall.search.data.images import FORMATS

# What file browsers, archivers and storage devices create, in any case of letters.
_LEFT_BEHIND = frozenset(
    (
        "thumbs.db",
        "thumbs.db:encryptable",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "icon\r",
        "__macosx",
        "@eadir",
        "@recycle",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "__pycache__",
    )
)
NAMED = 5  # the number of files to name if the same is wrong with many


def entries(folder: Path) -> list[Path]:
    """Return a folder's files and folders by name, without hidden ones; none if it is missing."""
    if not folder.is_dir():
        return []
    found = sorted(folder.iterdir(), key=lambda path: path.name)
    return [
        path
        for path in found
        if not path.name.startswith(".") and path.name.lower() not in _LEFT_BEHIND
    ]


def folders(folder: Path) -> list[Path]:
    """Return the folders in a folder by name."""
    return [path for path in entries(folder) if path.is_dir()]


def images(folder: Path) -> list[Path]:
    """Return the files directly in a folder whose names end as those of images."""
    from PIL import Image

    endings = {end for end, name in Image.registered_extensions().items() if name in FORMATS}
    return [p for p in entries(folder) if not p.is_dir() and p.suffix.lower() in endings]


def composed(name: str) -> str:
    """Return a name with each accented letter as one character, as most systems write it.

    macOS writes the letter and its accent as two, in names that look the same.
    """
    return unicodedata.normalize("NFC", name)


def printable(name: str) -> str:
    """Return a name with each byte that is not UTF-8 as a hexadecimal escape."""
    return os.fsencode(name).decode(errors="backslashreplace")


def first_few(problems: Mapping[Path, str], folder: Path, rest: str) -> Iterator[str]:
    """Yield the problems of the first paths, then the number of other paths followed by `rest`."""
    for path in list(problems)[:NAMED]:
        yield f"{printable(str(path))}: {problems[path]}"
    if len(problems) > NAMED:
        yield f"{folder}: {len(problems) - NAMED:,} {rest}"


def loose_images(folder: Path) -> Iterator[str]:
    """Name the images beside the folders of classes; other files there, such as notes, are fine."""
    one = "must lie in the folder of its class; move it there or delete it"
    rest = "more images must lie in the folder of their class; move them there or delete them"
    yield from first_few(dict.fromkeys(images(folder), one), folder, rest)


def undecodable_names(paths: Iterable[Path], folder: Path) -> Iterator[str]:
    """Name the files whose names are not UTF-8, because the manifest keeps names as text."""
    rule = "must have a name in UTF-8; rename it"
    problems = {path: rule for path in paths if printable(path.name) != path.name}
    yield from first_few(problems, folder, "more names must be in UTF-8; rename them")
