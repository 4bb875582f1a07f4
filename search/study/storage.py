"""Where Optuna keeps studies and trials: a journal file, or PostgreSQL, behind one contract.

Both number the trials of a study without gaps or duplicates, whoever creates them, and refuse
changes of a finished trial. `exclusive` makes several reads and writes one step for everyone.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from optuna.storages import BaseStorage as BaseStorage
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial as FrozenTrial

from studyhall.search.common.addresses import redact, resolved
from studyhall.search.common.errors import UsageError
from studyhall.search.common.service_part import clock_problems
from studyhall.search.study.journal import Journal, open_journal, read_journal
from studyhall.search.study.reconnection import retry_while_disconnected


def open_storage(address: str | Path) -> BaseStorage:
    """Open the storage at an address to write to it, and create it if there is none.

    Any number of processes may open a new one at the same moment.

    Raises:
        UsageError: nothing can be written there, or it is not what is offered.
    """
    place = resolved(address)
    if isinstance(place, Path):
        return open_journal(place)
    from studyhall.search.study.postgres import open_database

    return open_database(place)


def reopen_storage(address: str | Path) -> BaseStorage:
    """Open a storage that the launch has opened before: a database that is away is waited for.

    Raises:
        UsageError: nothing can be written there, or the database does not let this user in.
        StudyhallError: the database has been away for minutes.
    """
    place = resolved(address)
    if isinstance(place, Path):
        return open_journal(place)
    from studyhall.search.study.database_errors import explained, is_refusal
    from studyhall.search.study.postgres import reopen_database

    with explained(place):
        return retry_while_disconnected(reopen_database, is_refusal)(place)


def read_storage(address: str | Path) -> BaseStorage:
    """Open a storage to read; where there is none yet, an empty one that is kept nowhere.

    Raises:
        UsageError: it is no storage, or it cannot be reached.
    """
    place = resolved(address)
    if isinstance(place, Path):
        return read_journal(place) if place.exists() else InMemoryStorage()
    from studyhall.search.study.postgres import read_database

    return read_database(place) or InMemoryStorage()


def require_clock(storage: BaseStorage, address: str | Path) -> None:
    """See that this machine's clock is that of the storage, by which others judge its records.

    A database that is away is waited for.

    Args:
        storage: What was opened at `address`; a journal has no clock of its own.
        address: Where it is.

    Raises:
        UsageError: it is not.
        StudyhallError: the database has been away for minutes.
    """
    if isinstance(storage, Journal | InMemoryStorage):
        return
    from studyhall.search.study.postgres import Database

    if isinstance(storage, Database):
        _, problems = clock_problems(
            "the database", retry_while_disconnected(storage.clock)(), datetime.now(UTC)
        )
        if problems:
            raise UsageError(f"--storage: {redact(address)}: {problems[0]}")


def exclusive(storage: BaseStorage, name: str) -> AbstractContextManager[None]:
    """Keep all others that use the storage out of blocks of the same name.

    The block is freed when its process dies, however it dies. In a database, what is written in
    the block is one transaction: all of it or nothing, and nothing if the process hung so long
    that another took its turn. Blocks must not be nested; each thread has its own.

    Args:
        storage: What `open_storage` returned.
        name: What is guarded; letters, digits, '.', '_' and '-'.
    """
    if isinstance(storage, Journal):
        return storage.exclusive(name)
    from studyhall.search.study.postgres import Database

    if isinstance(storage, Database):
        return storage.exclusive(name)
    raise TypeError(f"exclusive: must be a storage that open_storage opened, got {storage!r}")
