"""A file that a command is to write: refused before the work if it cannot be or must not be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from studyhall.search.common.atomic_files import write_whole
from studyhall.search.common.errors import StudyhallError


def output_problems(name: str, path: Path, *, replace: bool) -> list[str]:
    """What is wrong with writing a file at `path`, if anything.

    Args:
        name: What the user knows the path by: an option, or the argument.
        path: Where the file is to be.
        replace: Whether a file that is there may be replaced.
    """
    if path.is_dir():
        return [f"{name}: must be a file, got the folder {path}; name a file in it"]
    if path.exists() and not replace:
        return [f"{name}: {path} is there already; name another file, or replace it with --force"]
    folder = path.parent
    if not folder.is_dir():
        return [f"{name}: must be in a folder that is there, got {path}; create {folder} first"]
    try:
        with tempfile.TemporaryFile(dir=folder):
            return []
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        return [f"{name}: {folder} must be a folder that can be written: {reason}; name another"]


def write_output(path: Path, content: bytes) -> None:
    """Write the file, whole or not at all.

    Raises:
        StudyhallError: the disk does not take it.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise StudyhallError(
            f"{path}: cannot be written: {error.strerror or error}; name another file"
        ) from None
