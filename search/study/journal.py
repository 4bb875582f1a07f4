"""The embedded Optuna storage: one journal file, with its locks in the folder `.studyhall`."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from studyhall.search.common.addresses import HOME
from studyhall.search.common.errors import UsageError

_BEGINNING = b'{"op_code":'  # of each line that Optuna writes
_POLL_SECONDS = 0.002  # others hold the locks for milliseconds
# Version 0.1.0 had its locks beside the journal, under the journal's name and these endings.
_OLD_LOCKS = ("lock", "claims.lock", "start.lock", "tracking.lock", "champion.lock")


class Journal(JournalStorage):
    """Optuna's storage in a file, and mutexes of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(_File(str(path), lock_obj=_KernelLock(path)))
        self._path = path

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Keep all others out of blocks of this name; the file itself has another lock."""
        # A new lock for each call: one object lets every call of its thread in.
        with FileLock(_lock_file(self._path, f".{name}"), poll_interval=_POLL_SECONDS):
            yield


class _File(JournalFileBackend):
    """Optuna's file of a journal, whose errors name it."""

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Read lines; a spoilt one is named, also if it was spoilt while the journal is open.

        Raises:
            UsageError: a line is no JSON.
        """
        try:
            yield from super().read_logs(log_number_from)
        except ValueError:
            raise _spoilt(Path(self._file_path)) from None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines; a line that was written in part is cut off later."""
        try:
            super().append_logs(logs)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._file_path) from error


class _KernelLock(JournalFileOpenLock):
    """A lock that the operating system frees when its holder dies.

    Optuna's own lock files outlive a killed process and block all others for 30 s.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._lock = FileLock(_lock_file(path))

    def acquire(self) -> bool:
        """Wait for the lock, and cut off a last line without its end.

        A process that died while writing leaves one, and so does a full disk. A line appended to it
        would make the file unreadable (optuna issue 5138).
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

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for a block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


def open_journal(path: Path) -> Journal:
    """Open the journal at `path` to write to it, and create it if there is none.

    Raises:
        UsageError: the file cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_journal(path)
        with _KernelLock(path).held():
            _require_last_line(path)
        _remove_old_locks(path)
        return read_journal(path)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"--storage: {path} must be a file that can be written: {reason}"
        ) from None


def read_journal(path: Path) -> Journal:
    """Open an existing journal; nothing is written until something is recorded.

    Raises:
        UsageError: the file is no journal, or cannot be read.
    """
    try:
        _require_journal(path)
        return Journal(path)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"--storage: {path} must be a study's journal, a file that can be read: {reason}"
        ) from None
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        raise _spoilt(path) from None  # what Optuna makes of other lines


def mend_journal(path: Path) -> list[str]:
    """Make a journal readable whose lines are partly spoilt; see `journal_repair.mend`.

    Returns:
        What was done, a sentence each.
    """
    from studyhall.search.study.journal_repair import mend  # it knows what a study records

    if _BEGINNING not in path.read_bytes():  # of another kind: its end would be cut off
        return []
    with _KernelLock(path).held():
        return mend(path)


def _spoilt(path: Path) -> UsageError:
    from studyhall.search.study.journal_repair import problem_of

    return UsageError(f"--storage: {problem_of(path)}")


def _lock_file(path: Path, name: str = "") -> Path:
    """The file of one of a journal's locks; its folder is created with the first of them."""
    return path.parent / HOME / f"{path.name}{name}.lock"


def _remove_old_locks(path: Path) -> None:
    """Remove the lock files of version 0.1.0 that no process holds."""
    for file in (path.with_name(f"{path.name}.{ending}") for ending in _OLD_LOCKS):
        if file.exists():
            with suppress(Timeout, OSError), FileLock(file, timeout=0):
                file.unlink()


def _require_journal(path: Path) -> None:
    """Refuse a file of another kind, whose end would be cut off as a line that is not whole.

    Raises:
        UsageError: the file does not begin as a journal.
        OSError: it cannot be read.
    """
    if path.exists():
        with path.open("rb") as file:
            beginning = file.read(len(_BEGINNING))
        if not _BEGINNING.startswith(beginning):
            raise _spoilt(path)


def _require_last_line(path: Path) -> None:
    """Refuse a spoilt last line, which Optuna passes over until something is appended to it."""
    content = path.read_bytes()
    try:
        whole = not content or isinstance(json.loads(content[:-1].rpartition(b"\n")[2]), dict)
    except ValueError:
        whole = False
    if not whole:
        raise _spoilt(path)


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
