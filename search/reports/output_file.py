"""Check before the work that a command can write its file, and write it whole afterwards."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from studyhall.search.common.atomic_files import write_whole
from studyhall.search.common.errors import StudyhallError


def output_problems(name: str, path: Path, *, replace: bool) -> list[str]:
    """The reasons why a file cannot or must not be written at `path`, as messages for the user.

    Args:
        name: The option or argument with which the user gave the path.
        path: The file.
        replace: Whether an existing file can be replaced.
    """
    if path.is_dir():
        return [f"{name}: {path} is a folder; name a file in it"]
    if path.exists() and not path.is_file():  # such as a device, whose place the file would take
        return [f"{name}: {path} is not a plain file; name another file"]
    if path.exists() and not replace:
        return [f"{name}: {path} already exists; name another file, or replace it with --force"]
    folder = path.parent
    if not folder.is_dir():
        return [f"{name}: {path} cannot be written: create the folder {folder} first"]
    try:
        with tempfile.TemporaryFile(dir=folder):
            return []
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        return [f"{name}: the folder {folder} cannot be written to: {reason}; name another one"]


def write_output(path: Path, content: bytes) -> None:
    """Write the file, whole or not at all.

    Raises:
        StudyhallError: the disk is full or fails.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise StudyhallError(
            f"{path}: cannot be written: {error.strerror or error}; name another file"
        ) from None
