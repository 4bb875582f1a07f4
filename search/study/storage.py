"""Optuna's storage of studies and trials: a journal file or PostgreSQL, with the same contract.

Both number the trials of a study without gaps or duplicates, however many processes create them,
and refuse changes of a finished trial. `exclusive` makes several reads and writes one step.
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
from studyhall.search.study.journal import mend_journal, open_journal, read_journal
from studyhall.search.study.reconnection import retry_while_disconnected


def open_storage(address: str | Path) -> BaseStorage:
    """Open the storage at an address to write to it, and create it if there is none.

    Any number of processes may open a new one at the same moment.

    Raises:
        UsageError: It cannot be written, or the address is of another kind.
    """
    place = resolved(address)
    if isinstance(place, Path):
        return open_journal(place)
    from studyhall.search.study.postgres import open_database

    return open_database(place)


def reopen_storage(address: str | Path) -> BaseStorage:
    """Open a storage that the launch has opened before; wait for a database that is unreachable.

    Raises:
        UsageError: It cannot be written, or the database refuses this user.
        StudyhallError: The database was unreachable for minutes.
    """
    place = resolved(address)
    if isinstance(place, Path):
        return open_journal(place)
    from studyhall.search.study.database_errors import explained, is_refusal
    from studyhall.search.study.postgres import reopen_database

    with explained(place):
        return retry_while_disconnected(reopen_database, is_refusal)(place)


def read_storage(address: str | Path) -> BaseStorage:
    """Open a storage to read; if there is none yet, return an empty one in memory.

    Raises:
        UsageError: It is no storage, or it cannot be reached.
    """
    place = resolved(address)
    if isinstance(place, Path):
        return read_journal(place) if place.exists() else InMemoryStorage()
    from studyhall.search.study.postgres import read_database

    return read_database(place) or InMemoryStorage()


def mend_storage(address: str | Path) -> list[str]:
    """Make a journal readable whose lines are partly spoilt; a database needs no such thing.

    Returns:
        What was done, a sentence each.
    """
    place = resolved(address)
    return mend_journal(place) if isinstance(place, Path) and place.is_file() else []


def require_clock(storage: BaseStorage, address: str | Path) -> None:
    """Check that this machine's clock agrees with the database's, which other machines rely on.

    It waits for a database that is unreachable.

    Args:
        storage: An open storage; a journal has no clock of its own.
        address: Its address.

    Raises:
        UsageError: The clocks differ.
        StudyhallError: The database was unreachable for minutes.
    """
    if clock := getattr(storage, "clock", None):
        theirs = retry_while_disconnected(clock)()
        _, problems = clock_problems("the database", theirs, datetime.now(UTC))
        if problems:
            raise UsageError(f"--storage: {redact(address)}: {problems[0]}")


def exclusive(storage: BaseStorage, name: str) -> AbstractContextManager[None]:
    """Keep all other users of the storage out of blocks of the same name.

    The block is freed when its process dies, however it dies. In a database, all writes of the
    block are one transaction: they take effect together, or not at all if the process hung so
    long that another took its turn. Blocks must not be nested; each thread has its own.

    Args:
        storage: A storage from `open_storage`.
        name: The block's name, of letters, digits, '.', '_' and '-'.
    """
    if not hasattr(storage, "exclusive"):
        raise TypeError(f"exclusive: must be a storage that open_storage opened, got {storage!r}")
    block: AbstractContextManager[None] = storage.exclusive(name)
    return block
