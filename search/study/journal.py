"""The embedded Optuna storage: one journal file in the working folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from studyhall.search.common.errors import UsageError

_POLL_SECONDS = 0.002  # others hold the locks for milliseconds


class Journal(JournalStorage):
    """Optuna's storage in a file, and a mutex beside it."""

    def __init__(self, path: Path) -> None:
        super().__init__(_File(str(path), lock_obj=_KernelLock(path)))
        self._path = path

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Keep all others out of blocks of this name; its lock is not that of the file."""
        # A lock of its own for each call: one object lets every call of its thread in.
        with FileLock(f"{self._path}.{name}.lock", poll_interval=_POLL_SECONDS):
            yield


class _File(JournalFileBackend):
    """Optuna's file of a journal, whose errors name it."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines.

        Raises:
            OSError: the disk does not take them; one that it took in part is cut off later.
        """
        try:
            super().append_logs(logs)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._file_path) from error


class _KernelLock(JournalFileOpenLock):
    """A lock that the operating system frees when its holder dies, however it dies.

    Optuna's own lock files, which this takes the place of, outlive a killed process and block all
    others for 30 s.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        """Wait for the lock, and cut off a last line without its end.

        A process that died while writing, or found the disk full, leaves one; whatever is appended
        behind it would make the file unreadable (optuna issue 5138).
        """
        self._lock.acquire(poll_interval=_POLL_SECONDS)
        try:
            _cut_torn_line(self._path)
        except BaseException:
            self._lock.release()
            raise
        return True

    def release(self) -> None:
        """Let others have it."""
        self._lock.release()


def open_journal(path: Path) -> Journal:
    """Open the journal at `path` to write to it, and create it if there is none.

    Raises:
        UsageError: the file cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _KernelLock(path)
        lock.acquire()
        lock.release()
        return read_journal(path)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"--storage: {path} must be a file that can be written: {reason}"
        ) from None


def read_journal(path: Path) -> Journal:
    """Open an existing journal; nothing is written until something is recorded.

    Raises:
        UsageError: the file is no journal.
    """
    try:
        return Journal(path)
    except (AssertionError, KeyError, TypeError, ValueError):  # what Optuna makes of other lines
        raise UsageError(
            f"--storage: {path} must be a study's journal, got a line that is no record of one"
        ) from None


def _cut_torn_line(path: Path) -> None:
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        keep = end
        while keep:
            start = max(0, keep - 4096)
            file.seek(start)
            newline = file.read(keep - start).rfind(b"\n")
            keep = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        if keep < end:
            file.truncate(keep)
