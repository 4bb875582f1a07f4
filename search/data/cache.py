"""The folder that keeps decoded data sets: filled by one process at a time, all or nothing."""

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
    """Return where decoded data sets are kept: STUDYHALL_CACHE, or the user's cache folder."""
    if named := os.environ.get(_VARIABLE):
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("studyhall", appauthor=False)


@contextmanager
def filling(cache: Path, name: str, progress: Progress) -> Iterator[None]:
    """Hold the only right to change data set `name` in the cache; others wait meanwhile.

    What a killed process left half-written is removed.

    Args:
        cache: the cache folder, which is made if missing.
        name: the data set.
        progress: told when another process holds the right.

    Raises:
        UsageError: the cache cannot be written, is full, or a file would be too large for it.
    """
    with _explained(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache, name, progress):
            # Eight characters, as `tempfile` has them: not what is staged of a longer name.
            for left_over in cache.glob(f"{name}-{'?' * 8}{_STAGED}"):
                shutil.rmtree(left_over)
            yield


@contextmanager
def _locked(cache: Path, name: str, progress: Progress) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(cache / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.note(f"{name}: another process is fetching it; waiting for it to finish")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def staging(cache: Path, name: str) -> Iterator[Path]:
    """Give a new folder on the cache's disk, removed at the end with whatever is in it still.

    Args:
        cache: the cache folder; the caller is `filling` it.
        name: the data set.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-", suffix=_STAGED, dir=cache) as folder:
        yield Path(folder)


def publish(staged: Path, folder: Path) -> None:
    """Move a finished folder to where readers look, in place of a damaged one if there is one.

    Args:
        staged: the finished folder, within a folder of `staging`.
        folder: its final place, on the same disk.
    """
    if folder.exists():
        # Moved, not emptied: a process that has the old files mapped keeps reading them.
        folder.rename(staged.parent / "replaced")
    staged.rename(folder)


def require_space(folder: Path, needed: int) -> None:
    """Refuse to start writing what the disk cannot hold.

    Args:
        folder: an existing folder on the disk.
        needed: the bytes about to be written.

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
            f"got '{error.strerror or error}'; mend that or name another folder in {_VARIABLE}"
        ) from error
