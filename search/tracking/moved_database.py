"""The files of runs beside an SQLite database, whose addresses follow it to another folder.

MLflow stores whole paths. So each of our experiments has a tag that names the database's file. If
the file is elsewhere now, all addresses in the folder of files that was beside it are rewritten in
one transaction. A copy therefore never reads or writes the files of its original.

A folder may have two paths, as a container's volume has: a process that has opened the database
holds a lock beside it, and no other process rewrites addresses meanwhile.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

from studyhall.search.common.addresses import HOME
from studyhall.search.common.errors import UsageError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

FILES = "mlruns"  # the folder beside a database with the files of its runs
TAG = "studyhall.database"  # of an experiment: the file of the database that it is in
# Every column with the address of files, and the columns that identify a row.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_SECONDS = 30  # to wait for another process that writes
_logger = logging.getLogger("studyhall")


def files_address(database: Path, experiment: str) -> str:
    """The address of the files of a new experiment, in which special characters are escaped."""
    return (database.parent / FILES / experiment).as_uri()


def follow(database: Path) -> None:
    """Rewrite the addresses of files in a database that was moved or copied since its last use.

    The files are expected to have moved with it. Nothing is written to a database that is where it
    was, nor to one of a server or another program.

    Raises:
        UsageError: the files were left behind, the database is damaged or cannot be written, or
            another process uses it at its former path.
    """
    if not database.exists():
        return
    with _opened(database) as connection:
        if not (former := _former_places(connection, database)):
            return
        try:
            with _alone(database, former[0]):
                connection.execute("BEGIN IMMEDIATE")
                former = _former_places(connection, database)  # another process may have done it
                for place in former:
                    _move(connection, place.parent / FILES, database.parent / FILES)
                _set_tags(connection, database)
                connection.commit()
        except (sqlite3.Error, OSError) as error:
            raise UsageError(
                f"--tracking-uri: {database} was moved or copied; it must be writable once, to "
                f"name the files beside it ({error})"
            ) from error
    for place in former:
        _logger.warning(
            f"{database} was moved or copied from {place.parent}; its runs now name the files in "
            f"{database.parent / FILES}"
        )


class _Lock:
    """A lock file that this process has open; it may be locked as long as this object lives."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


# By device and inode: a process never excludes itself.
_locks = WeakValueDictionary[tuple[int, int], _Lock]()


def hold(client: MlflowClient, database: Path, *, create: bool = False) -> None:
    """Keep other processes from rewriting a database's addresses as long as a client lives.

    Args:
        client: A client of the database.
        database: The database's file.
        create: Create Studyhall's folder beside the database, if there is none; without it there
            is no lock.
    """
    with suppress(OSError):  # nobody can rewrite what nobody can write
        if create:
            _lock_file(database).parent.mkdir(exist_ok=True)
        if _lock_file(database).parent.is_dir():
            lock = _lock(database)
            fcntl.flock(lock.descriptor, fcntl.LOCK_SH)
            vars(client)["studyhall_lock"] = lock


@contextmanager
def _alone(database: Path, former: Path) -> Iterator[None]:
    """Rewrite addresses in this block: no other process has opened the database."""
    if not _lock_file(database).parent.is_dir():
        yield  # where no launch has been, none is at work
        return
    lock = _lock(database)
    try:
        fcntl.flock(lock.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"--tracking-uri: {database} is in use by another process, which knows it as {former}; "
            "wait until that has ended, or use that path"
        ) from None
    try:
        yield
    finally:
        fcntl.flock(lock.descriptor, fcntl.LOCK_SH)


def _lock(database: Path) -> _Lock:
    lock = _Lock(os.open(_lock_file(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
    status = os.fstat(lock.descriptor)
    return _locks.setdefault((status.st_dev, status.st_ino), lock)


def _lock_file(database: Path) -> Path:
    return database.parent / HOME / f"{database.name}.lock"


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, timeout=_SECONDS, isolation_level=None)) as connection:
        connection.create_function("moved", 3, _moved, deterministic=True)
        try:
            yield connection
        except sqlite3.Error as error:
            raise UsageError(
                f"--tracking-uri: {database} cannot be read ({error}); put a whole copy in its "
                "place, or move it away: the next launch makes another"
            ) from error


def _former_places(connection: sqlite3.Connection, database: Path) -> list[Path]:
    """Where the database was when its addresses were written; empty if it is there still.

    Raises:
        UsageError: the files were left there.
    """
    if not _has(connection, "experiment_tags"):
        return []
    query = "SELECT DISTINCT value FROM experiment_tags WHERE key = ?"
    tagged = [Path(str(value)) for (value,) in connection.execute(query, (TAG,))]
    found = [place for place in tagged if not _same(place, database)]
    for place in found:
        _require_files(connection, place, database)
    return found + [place for place in _untagged(connection, database) if place not in found]


def _same(place: Path, database: Path) -> bool:
    """Whether two paths are one file, as with a folder that has two names."""
    try:
        return place == database or place.samefile(database)
    except OSError:
        return False


def _require_files(connection: sqlite3.Connection, place: Path, database: Path) -> None:
    left, here = place.parent / FILES, database.parent / FILES
    if here.exists() or not left.exists():
        return
    if not any(files.exists() for _, files in _experiments(connection, left)):
        return
    raise UsageError(
        f"--tracking-uri: {database} was moved or copied from {place.parent} without the files of "
        f"its runs; move or copy the folder {left} to {here} as well"
    )


def _untagged(connection: sqlite3.Connection, database: Path) -> list[Path]:
    """The former places of a database by the files of its runs, from before there was the tag.

    Such an experiment may have its files elsewhere by right, if a launch had another working
    folder, even on a disk that is missing now: it counts as moved if files of its runs are here.
    """
    query = """
        SELECT DISTINCT e.experiment_id, e.artifact_location
        FROM experiments e JOIN runs r USING (experiment_id) JOIN tags t USING (run_uuid)
        WHERE t.key = 'studyhall.study_id' AND NOT EXISTS (
            SELECT 1 FROM experiment_tags x WHERE x.experiment_id = e.experiment_id AND x.key = ?)
    """
    found = list[Path]()
    for number, address in connection.execute(query, (TAG,)).fetchall():
        there = _path(address)
        if there is None or there.parent.name != FILES:
            continue
        if _same(there.parent.parent, database.parent):
            continue
        here = database.parent / FILES / there.name
        chosen = "SELECT run_uuid FROM runs WHERE experiment_id = ?"
        runs = [str(run) for (run,) in connection.execute(chosen, (number,))]
        if any((here / run).exists() for run in runs):
            place = there.parent.parent / database.name
            found += [place] if place not in found else []
    return found


def _experiments(connection: sqlite3.Connection, folder: Path) -> Iterator[tuple[int, Path]]:
    """The experiments whose files are below a folder, and where they are."""
    for number, address in connection.execute(
        "SELECT experiment_id, artifact_location FROM experiments"
    ).fetchall():
        path = _path(address)
        if path and path.is_relative_to(folder):
            yield number, path


def _move(connection: sqlite3.Connection, old: Path, new: Path) -> None:
    """Replace the beginning of all addresses below a folder."""
    places = (str(old), str(new))
    for table, column in _ADDRESSES:
        if _has(connection, table):
            change = f"UPDATE {table} SET {column} = moved({column}, ?, ?)"  # noqa: S608
            connection.execute(f"{change} WHERE moved({column}, ?, ?) != {column}", places * 2)


def _set_tags(connection: sqlite3.Connection, database: Path) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO experiment_tags (key, value, experiment_id) "
        "SELECT DISTINCT ?, ?, r.experiment_id FROM runs r JOIN tags t USING (run_uuid) "
        "WHERE t.key = 'studyhall.study_id'",
        (TAG, str(database)),
    )
    connection.execute("UPDATE experiment_tags SET value = ? WHERE key = ?", (str(database), TAG))


def _moved(address: str | None, old: str, new: str) -> str | None:
    """An address with another beginning, if it is below the old folder."""
    path = _path(address)
    if path is None or not path.is_relative_to(old):
        return address
    return (Path(new) / path.relative_to(old)).as_uri()


def _path(address: str | None) -> Path | None:
    """The path of a local address; None for those of stores and runs."""
    if address and address.startswith("file:"):
        return Path(unquote(urlsplit(address).path))
    return Path(address) if address and address.startswith("/") else None


def _has(connection: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None
