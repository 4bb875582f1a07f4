"""The folder of decoded data sets: one process writes a data set at a time, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import Progress

_VARIABLE = "STUDYHALL_CACHE"
_STAGED = ".partial"


def cache_folder() -> Path:
    """Return the folder of decoded data sets, which STUDYHALL_CACHE can set."""
    if named := os.environ.get(_VARIABLE):
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("studyhall", appauthor=False)


@contextmanager
def exclusive(cache: Path, name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock on data set `name` in the cache; other processes wait for it.

    Files that a killed process left unfinished are deleted.

    Args:
        cache: the cache folder, which is made if missing.
        name: the data set's folder.
        progress: is told if another process holds the lock.

    Raises:
        UsageError: the cache cannot be written, is full, or a file would be too large for it.
    """
    from filelock import FileLock, Timeout

    with _explained(cache):
        cache.mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache / f"{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.note(f"{name}: another process is fetching it; waiting for it to finish")
            lock.acquire()
        try:
            # `tempfile` adds eight characters: a shorter pattern could match a longer name's files.
            for left_over in cache.glob(f"{name}-{'?' * 8}{_STAGED}"):
                shutil.rmtree(left_over)
            yield
        finally:
            lock.release()


@contextmanager
def staging(cache: Path, name: str) -> Iterator[Path]:
    """Yield a new folder on the cache's disk, deleted at the end with its remaining content.

    Args:
        cache: the cache folder; the caller holds its lock, see `exclusive`.
        name: the data set's folder.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-", suffix=_STAGED, dir=cache) as folder:
        yield Path(folder)


def replace_folder(staged: Path, folder: Path) -> None:
    """Move a finished folder to its final place, where a damaged one may be.

    Args:
        staged: the finished folder, within a folder of `staging`.
        folder: the final place, on the same disk.
    """
    if folder.exists():
        # The old folder is moved, not emptied, so that processes with its files mapped can go on.
        folder.rename(staged.parent / "replaced")
    staged.rename(folder)


def require_space(folder: Path, needed: int) -> None:
    """Refuse to start writing if the disk has too little room.

    Args:
        folder: an existing folder on the disk.
        needed: the number of bytes to be written.

    Raises:
        UsageError: fewer bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UsageError(
            f"{folder}: its disk must have {needed / 1e6:,.0f} MB free, got {free / 1e6:,.0f} MB; "
            f"free some space or name another folder in {_VARIABLE}"
        )


@contextmanager
def _explained(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{cache}: the cache folder must be writable and have room, "
            f"got '{error.strerror or error}'; correct that or name another folder in {_VARIABLE}"
        ) from error
