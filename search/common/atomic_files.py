"""Write files and folders atomically: whole or not at all, and on the disk before they are named.

While a file is written it has a hidden name with the name of the writing process in it. So what a
dead process left can be told from a file that another process is still writing.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from studyhall.search.common.owner import is_running, new_owner

_DAY = 24 * 60 * 60


def temporary_name(path: Path) -> Path:
    """A new hidden name beside `path`, with the name of this process in it."""
    return path.with_name(f".{path.name}~{new_owner()}")


def publish(hidden: Path, path: Path) -> None:
    """Rename a file or folder from its hidden name to its own, once it is on the disk itself.

    Raises:
        OSError: the disk cannot be written, or has no room.
    """
    for file in sorted(hidden.rglob("*")) if hidden.is_dir() else []:
        _sync(file)
    _sync(hidden)
    if path.is_dir():
        discard(path)
    os.replace(hidden, path)
    _sync(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is whole or missing, even if this process or the machine dies.

    Raises:
        OSError: the disk cannot be written, or has no room; nothing is left behind.
    """
    hidden = temporary_name(path)
    try:
        hidden.write_bytes(content)
        publish(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Delete a folder; while it is half deleted it has a hidden name."""
    shutil.rmtree(path.rename(temporary_name(path)))


def sweep(folder: Path, name: str = "*") -> None:
    """Delete what dead processes left under hidden names; of other machines, what is a day old.

    Args:
        folder: The folder to search.
        name: The final name of the files and folders; any by default.
    """
    for left in folder.glob(f".{name}~*"):
        alive = is_running(left.name.partition("~")[2])
        if alive or (alive is None and _age(left) < _DAY):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since a file was last written; 0 if another process has just deleted it."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
