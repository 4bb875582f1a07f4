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
        return Path(os.path.expanduser(named)).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("studyhall", appauthor=False)


@contextmanager
def exclusive(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock on a data set in the cache; other processes wait for it.

    Files that a killed process left unfinished are deleted.

    Args:
        folder: the data set's folder in the cache; the cache is made if missing.
        progress: is told if another process holds the lock.

    Raises:
        UsageError: the cache cannot be written, is full, or a file would be too large for it.
    """
    from filelock import FileLock, Timeout

    cache, name = folder.parent, folder.name
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
def staging(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; the `arrays` made in it finally become, or replace, `folder`.

    The rest is deleted, and after an error all of it. The caller holds the lock, see `exclusive`.
    """
    prefix = f"{folder.name}-"
    with tempfile.TemporaryDirectory(prefix=prefix, suffix=_STAGED, dir=folder.parent) as name:
        temporary = Path(name)
        yield temporary
        if folder.exists():
            # A damaged folder is moved, not emptied: processes with its files mapped can go on.
            folder.rename(temporary / "replaced")
        (temporary / "arrays").rename(folder)


def require_space(folder: Path, needed: int) -> None:
    """Raise UsageError if the disk of `folder` has fewer than `needed` bytes free."""
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
