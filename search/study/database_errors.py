"""Parse the address of a database, and explain why it cannot be opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from optuna.exceptions import StorageInternalError
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from studyhall.search.common.addresses import password_is_plain, redact, without_password
from studyhall.search.common.errors import UsageError

_OLD_TABLES = "optuna storage upgrade"  # from the message of Optuna's own error
# Parts of the messages of a server that refuses a connection; the driver has no codes for these.
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",  # the role, the database, or a file of certificates
    "certificate verify failed",
    "SSL was required",
    "permission denied for database",
)


def parsed(address: str) -> URL:
    """Parse the address of a database.

    Raises:
        UsageError: The address is malformed.
    """
    try:
        if password_is_plain(address):
            return sqlalchemy.make_url(address)
    except (ArgumentError, ValueError):
        pass
    raise UsageError(
        "--storage: must read postgresql://user:password@host:port/database, with %40 in place of "
        f"an '@' in the password, %2F of a '/', %3F of a '?', %23 of a '#', got '{redact(address)}'"
    ) from None


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Explain errors of a database in a sentence, without its password.

    Raises:
        UsageError: The block failed since the database cannot be opened.
    """
    try:
        yield
    except ImportError:
        raise UsageError(
            f"--storage: {redact(address)} needs psycopg; install it with "
            "`pip install 'studyhall[postgresql]'`"
        ) from None
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and _OLD_TABLES in str(error):
            raise UsageError(f"--storage: {old_tables(address)}") from None
        raise UsageError(
            f"--storage: {redact(address)} must be a database that can be reached and written to: "
            f"{reason(error, parsed(address))}"
        ) from None


def old_tables(address: str) -> str:
    """The problem with tables that an earlier Optuna created, and how to upgrade them."""
    return (
        f"{redact(address)} has the tables of an earlier Optuna; stop all launches, back it up and "
        f"upgrade it with `optuna storage upgrade --storage '{without_password(address)}'`"
    )


def reason(error: BaseException, url: URL) -> str:
    """The first line of the error of the database or its driver, without a password."""
    line = error_text(error)
    for secret in filter(None, (url.password, url.query.get("password"))):
        line = line.replace(str(secret), "***")
    return line


def error_text(error: BaseException) -> str:
    """The first line of the error of the database or its driver."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def is_refusal(error: BaseException) -> bool:
    """Whether the database refused the connection, so that trying again would not help."""
    return any(words in error_text(error) for words in _REFUSALS)
