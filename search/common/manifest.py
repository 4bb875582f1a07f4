"""A folder's files and their SHA-256, in the format of `sha256sum`, so that anyone can check them.

`sha256sum --check SHA256SUMS` in the folder gives the same result as `damage`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from pathlib import Path

MANIFEST = "SHA256SUMS"


def manifest(folder: Path) -> bytes:
    """The lines for every file of a folder but the manifest itself, in the order of their names."""
    files = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*")
        if file.is_file() and file != folder / MANIFEST
    }
    lines = [f"{_digest(file)}  {name}\n" for name, file in sorted(files.items())]
    return "".join(lines).encode()


def damage(folder: Path, removed: Container[str] = ()) -> str | None:
    """Name a file of a folder that differs from its manifest; None if none does.

    Other files, which the manifest does not name, are allowed.

    Args:
        folder: The folder.
        removed: Files that are allowed to be missing.
    """
    try:
        sums = listed(folder)
    except (OSError, ValueError):
        return f"{folder / MANIFEST}: must be there and list files with their SHA-256"
    there = {n: d for n, d in sums.items() if n not in removed or (folder / n).exists()}
    problems = (_difference(folder / name, digest) for name, digest in there.items())
    return next((problem for problem in problems if problem), None)


def listed(folder: Path) -> dict[str, str]:
    """The SHA-256 by file that a folder's manifest lists.

    Raises:
        OSError: there is none.
        ValueError: it is not a manifest, or empty.
    """
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    if not sums:
        raise ValueError(f"{folder / MANIFEST}: must list files, got none")
    return sums


def _difference(file: Path, expected: str) -> str | None:
    try:
        found = _digest(file)
    except OSError as error:
        return f"{file}: must be there and readable: {error.strerror or error}"
    if found == expected:
        return None
    return f"{file}: must have the SHA-256 {expected[:12]}…, got {found[:12]}…"


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
