"""Check that studies can be recorded in a journal or a PostgreSQL database."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy import Connection, text

from studyhall.search.common.addresses import redact, resolved
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.service_part import Part, Stopwatch, clock_problems
from studyhall.search.study.database_errors import old_tables
from studyhall.search.study.postgres import TABLES, look_into
from studyhall.search.study.storage import read_storage

_NAME = "database"


def check_database(address: str | Path) -> Part:
    """Check the storage of studies and trials, without creating or changing anything.

    The check of a database covers its version, its clock, Optuna's tables, and a write in a
    transaction that is rolled back.
    """
    place = resolved(address)
    return _journal(place) if isinstance(place, Path) else _database(place)


def _journal(path: Path) -> Part:
    watch, problems = Stopwatch(), list[str]()
    facts: dict[str, str | float] = {"kind": "journal, for this machine only"}
    try:
        facts["studies"] = len(read_storage(path).get_all_studies())
    except StudyhallError as error:
        problems.append(str(error))
    folder = path if path.exists() else next(f for f in path.parents if f.exists())
    if not os.access(folder, os.W_OK):
        problems.append(f"{folder} is not writable; change that, or name another with --storage")
    if not path.exists():
        facts["state"] = "not there yet; the first launch creates it"
    return Part(_NAME, str(path), watch.milliseconds, facts, tuple(problems))


def _database(address: str) -> Part:
    facts: dict[str, str | float] = {"kind": "PostgreSQL"}
    milliseconds, problems = None, tuple[str, ...]()
    try:
        with look_into(address) as connection:
            watch = Stopwatch()
            facts["version"] = str(connection.execute(text("SHOW server_version")).scalar_one())
            milliseconds = watch.milliseconds
            theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            facts["clock_difference_seconds"], problems = clock_problems(
                "the database", theirs, datetime.now(UTC)
            )
            made = set(TABLES) <= set(sqlalchemy.inspect(connection).get_table_names())
            _write(connection, made)
            if made:
                facts["schema"], of_schema = _schema(connection, address)
                problems += of_schema
            else:
                facts["schema"] = "no tables yet; the first launch creates them"
    except UsageError as error:
        problems += (str(error).removeprefix("--storage: "),)
    return Part(_NAME, redact(address), milliseconds, facts, problems)


def _write(connection: Connection, made: bool) -> None:
    """Write as a launch does, the tables or a study in them, and roll that back."""
    name = f"studyhall-check-{uuid.uuid4().hex}"
    if made:
        connection.execute(text("INSERT INTO studies (study_name) VALUES (:name)"), {"name": name})
    else:
        connection.execute(text(f'CREATE TABLE "{name}" (number INTEGER)'))
    connection.rollback()


def _schema(connection: Connection, address: str) -> tuple[str, tuple[str, ...]]:
    """The version of Optuna's tables, and the problem with it, if any."""
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    versions = _known_versions()
    if found == versions[0]:
        return f"{found}, the version that this Optuna needs", ()
    if found in versions:
        return f"{found}, but this Optuna needs {versions[0]}", (old_tables(address),)
    problem = (
        f"{redact(address)} has the tables of a later Optuna; install the same version of "
        "Studyhall here as on the other machines"
    )
    return f"{found}, unknown to this Optuna, which needs {versions[0]}", (problem,)


def _known_versions() -> list[str]:
    """The versions of its tables that the installed Optuna knows, the one that it needs first."""
    own = RDBStorage("sqlite://")  # in memory: Optuna needs an open storage to list them
    try:
        return own.get_all_versions()
    finally:
        own.engine.dispose()
