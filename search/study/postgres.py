"""The Optuna storage in a PostgreSQL database, which several machines can share."""

from __future__ import annotations

import weakref
from collections.abc import Container, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from typing import Any

import sqlalchemy
from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage, _CachedStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL, Connection, exc
from sqlalchemy.orm import Session

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.study.database_errors import explained, parsed

TABLES = ("studies", "trials", "version_info", "alembic_version")
# The database ends a lock whose holder was idle for this long. For the lock of claims the time is
# shorter than the grace of claims, or workers that wait for the lock would count as dead.
SECONDS_HUNG = 60.0
_SOONER = {"claims": INTERVALS.grace / 2}

# A worker has one thread that trains and one for its heartbeat; others need a connection briefly.
_POOL = {"pool_size": 2, "max_overflow": 8, "pool_pre_ping": True}
# A server that vanished without closing its connections is noticed within half a minute.
_CONNECTION = {
    "application_name": "studyhall",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}


class _Tables(RDBStorage):
    """Optuna's storage, which closes its connections if opening it fails."""

    def __init__(self, url: str, engine_kwargs: dict[str, Any]) -> None:
        try:
            super().__init__(url, engine_kwargs)
        except BaseException:
            if engine := getattr(self, "engine", None):
                engine.dispose()
            raise


class Database(_CachedStorage):
    """Optuna's storage in a database, with its cache of finished trials, and a mutex."""

    def __init__(self, backend: RDBStorage) -> None:
        super().__init__(backend)
        self._database = backend
        self._reading = RLock()
        weakref.finalize(self, backend.engine.dispose)  # psycopg warns of what is left open

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The trials of a study, in the order of their numbers."""
        with self._reading:  # Optuna reads its cache twice; it must not be cleared in between
            return super().get_all_trials(study_id, deepcopy, states)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a parameter of a trial, even if this process has not read the trial before."""
        self._database.set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def clock(self) -> datetime:
        """The time by the clock of the database's machine."""
        asked = sqlalchemy.text("SELECT clock_timestamp()")
        with self._database.engine.connect() as connection:
            now: datetime = connection.execute(asked).scalar_one()
        return now

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Keep all others out of blocks of this name; all writes of a block are one transaction.

        All calls of this thread go over the connection that holds the lock. A holder that hangs
        loses connection, lock and transaction together: when it wakes up, it cannot overwrite what
        others have written since.
        """
        try:
            with self._database.engine.begin() as connection:
                _lock(connection, name)
                with self._through(connection):
                    yield
        except BaseException:  # rolled back: the cache may hold what was written
            with self._reading, self._lock:
                self._studies.clear()
                self._trial_id_to_study_id_and_number.clear()
                self._study_id_and_number_to_trial_id.clear()
            raise

    @contextmanager
    def _through(self, connection: Connection) -> Iterator[None]:
        """Give this thread a session in which each commit is a part of the transaction."""
        sessions = self._database.scoped_session
        usual = sessions()
        sessions.registry.set(Session(connection, join_transaction_mode="create_savepoint"))
        own = sessions()
        try:
            yield
        finally:
            sessions.registry.set(usual)  # first: closing fails if the connection is lost
            own.close()


def open_database(address: str) -> Database:
    """Open a database to write to it; its tables are created if there are none.

    Raises:
        UsageError: The database cannot be reached or written to.
    """
    with explained(address):
        return reopen_database(address)


def reopen_database(address: str) -> Database:
    """Open a database that was open before.

    Raises:
        UsageError: The address is malformed.
        SQLAlchemyError: The database cannot be reached.
    """
    url = parsed(address)
    with _alone(url):
        return Database(_tables(url))


def read_database(address: str) -> Database | None:
    """Open a database to read; None if it has none of Optuna's tables. Nothing is created.

    Raises:
        UsageError: The database cannot be reached or read.
    """
    url = parsed(address)
    with explained(address), _alone(url) as connection:
        if not set(TABLES) <= set(sqlalchemy.inspect(connection).get_table_names()):
            return None
        return Database(_tables(url))


def connection_trouble(error: BaseException) -> bool:
    """Whether a database that is unreachable, or restarts, caused an error.

    Errors that look like bugs when a server restarts (optuna issue 5280) come only from
    `optuna.Study.optimize`, which Studyhall does not use.
    """
    # Optuna goes on to read after a lost connection; SQLAlchemy then raises PendingRollbackError.
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.PendingRollbackError):
        return True
    if isinstance(error, exc.DBAPIError):
        return bool(error.connection_invalidated)
    if isinstance(error, StorageInternalError | exc.SQLAlchemyError):
        return error.__cause__ is not None and connection_trouble(error.__cause__)
    return False


@contextmanager
def look_into(address: str) -> Iterator[Connection]:
    """Open a connection to check a database; its writes are never committed.

    Raises:
        UsageError: The database cannot be reached, or the block failed.
    """
    url = parsed(address)
    with explained(address):
        engine = sqlalchemy.create_engine(url, **_settings(url))
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


@contextmanager
def _alone(url: URL) -> Iterator[Connection]:
    """Keep other processes from opening: only one may create the tables at a time."""
    engine = sqlalchemy.create_engine(url, **_settings(url))
    try:
        with engine.begin() as connection:
            _lock(connection, "tables")
            yield connection
    finally:
        engine.dispose()


def _tables(url: URL) -> RDBStorage:
    # Optuna formats the address as a template, so braces are doubled.
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    return _Tables(text, _settings(url))


def _settings(url: URL) -> dict[str, Any]:
    ours = {key: value for key, value in _CONNECTION.items() if key not in url.query}
    return {**_POOL, "connect_args": ours}


def _lock(connection: Connection, name: str) -> None:
    seconds = min(SECONDS_HUNG, _SOONER.get(name, SECONDS_HUNG))
    limit = f"SET LOCAL idle_in_transaction_session_timeout = '{1000 * seconds:.0f}ms'"
    connection.execute(sqlalchemy.text(limit))
    lock = sqlalchemy.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
    connection.execute(lock, {"name": f"studyhall.{name}"})
