"""MLflow's address: the default one, the database file that it names, and whether it can be used.

The checks change nothing at the address: MLflow itself would create folders and tables there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from studyhall.search.common.addresses import redact, redact_text
from studyhall.search.common.atomic_files import temporary_name
from studyhall.search.common.errors import UsageError
from studyhall.search.common.plain_files import unreadable
from studyhall.search.common.words import first_line

if TYPE_CHECKING:
    from sqlalchemy import Engine

VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE = "mlflow.db"  # MLflow's default, in the working folder
_SQLITE = re.compile(r"sqlite(?:\+\w*)?:///")
_KINDS = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")
_DRIVERS = {
    "sqlite": "pysqlite",
    "postgresql": "psycopg",
    "mysql": "pymysql",
    "mssql": "pyodbc",
}
_EXTRA = "`pip install 'studyhall[postgresql]'` installs psycopg"
_FORMS = "such as sqlite:///mlflow.db, http://host:5000 or postgresql+psycopg://user@host/database"
_LONGEST = 504  # bytes of a path: SQLite's MAX_PATHNAME without the ending of its own journal
_SECONDS = 10  # to wait for a database's host


def tracking_address(uri: str | None) -> str:
    """The address of MLflow: `uri`, or the environment's, or the database of the working folder.

    MLflow's own default is another one where a folder `mlruns` has runs of its former file store.
    A database's file is named by its whole path, since a process may change its folder.
    """
    address = _with_lower_scheme(uri or os.environ.get(VARIABLE) or f"sqlite:///{DATABASE}")
    if (path := database_file(address)) is None:
        return address
    scheme, _, rest = address.partition(":///")
    written, (_, mark, query) = str(path), rest.partition("?")
    if set(written) & {"%", "?"}:
        # SQLAlchemy decodes a path. MLflow does not, and makes a folder of the name that it reads,
        # but not where the address names the driver.
        scheme, written = "sqlite+pysqlite", quote(written)
    return f"{scheme}:///{written}{mark}{query}"


def _with_lower_scheme(address: str) -> str:
    """An address as MLflow and SQLAlchemy know it, which tell capital letters apart."""
    scheme, separator, rest = address.partition("://")
    return f"{scheme.lower()}{separator}{rest}" if separator else address


def database_file(address: str) -> Path | None:
    """The file of the SQLite database that an address names, as a whole path; None for others.

    Its folder is the real one, whatever links lead there.
    """
    address = _with_lower_scheme(address)
    if not _SQLITE.match(address):
        return None
    from sqlalchemy import make_url

    name = make_url(address).database or ""
    if name in ("", ":memory:") or name.startswith("file:"):
        return None
    path = Path(name)
    return path.parent.resolve() / path.name


def beside(address: str, name: str) -> str:
    """The address of another SQLite database in the folder of the one that an address names."""
    scheme, slashes, rest = address.partition(":///")
    path, mark, query = rest.partition("?")
    return f"{scheme}{slashes}{Path(path).with_name(name)}{mark}{query}"


def missing_database(uri: str | None) -> Path | None:
    """The path of the SQLite database that `uri`, or the default, names, if missing or empty.

    Raises:
        UsageError: the address cannot be that of a database.
    """
    address = tracking_address(uri)
    require_kind(address)
    path = database_file(address)
    return None if path is None or (path.exists() and path.stat().st_size) else path


def require_usable(address: str) -> None:
    """Check that an address is that of a server, or of a database that MLflow can open.

    Whether a server answers is not checked.

    Raises:
        UsageError: it is not.
    """
    require_kind(address)
    if urlsplit(address).scheme in ("http", "https"):
        return
    if not missing_database(address):
        _require_mlflow(address)


def require_kind(address: str) -> None:
    """Check the form of an address, and the folder of a database's file.

    Raises:
        UsageError: it is wrong.
    """
    try:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https"):
            _ = parts.port
    except ValueError as error:  # brackets that do not close, or a port that is no number
        raise _wrong(address, str(error)) from None
    scheme, separator, rest = address.partition("://")
    kind = scheme.lower().partition("+")[0]
    if re.match("file:", address, re.IGNORECASE) or (
        not separator and (os.sep in address or Path(address).is_dir())
    ):
        raise _wrong(address, "MLflow no longer keeps runs in a folder of files")
    if kind == "sqlite" and separator:
        _require_file(address)
        _engine(address)  # which also a database that is not there yet needs
        return
    if separator and kind in _KINDS and rest.strip("/"):
        return
    if kind == "postgres":
        raise _wrong(address, "MLflow spells it postgresql+psycopg://")
    raise _wrong(address)


def _wrong(address: str, reason: str = "") -> UsageError:
    because = f" ({reason})" if reason else ""
    return UsageError(
        f"--tracking-uri: must be the address of an MLflow server or database, got "
        f"'{redact(address)}'{because}; give one {_FORMS}, or unset {VARIABLE}"
    )


def _require_file(address: str) -> None:
    """Check the path of an SQLite database; what is there is checked later."""
    path = database_file(address)
    if path is None:
        raise UsageError(
            f"--tracking-uri: must name a file, got '{redact(address)}'; give its path after three "
            "slashes, such as sqlite:///mlflow.db"
        )
    if path.is_dir():
        raise UsageError(
            f"--tracking-uri: must name a database's file, got the folder {path}; "
            f"add the file's name, such as {address.rstrip('/')}/{DATABASE}"
        )
    if path.exists() and (problem := unreadable(path)):
        raise UsageError(f"--tracking-uri: {path}: {problem}; name another file")
    _require_name(path.parent)
    _require_name(Path.cwd())
    # A new database has a longer name at first.
    written = path if path.exists() else temporary_name(path)
    if (surplus := len(os.fsencode(written)) - _LONGEST) > 0:
        raise UsageError(
            f"--tracking-uri: must name a file whose path SQLite can open, got one that is "
            f"{surplus} bytes too long: {path}; use a folder nearer to the root"
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"--tracking-uri: {path.parent} must be a folder, for MLflow's database {path.name}; "
            f"create it, or correct the option or {VARIABLE}"
        )


def _require_name(folder: Path) -> None:
    """Check that MLflow can write the path of a folder into its tables."""
    text = str(folder)
    if {"'", '"'} <= set(text) or not text.isprintable():
        raise UsageError(
            f"{ascii(text)[1:-1]}: must be printable text without both kinds of quotes for MLflow; "
            "rename the folder"
        )


def require_version(address: str) -> None:
    """Check that a database is one of the MLflow that is installed here; for others, do nothing.

    Raises:
        UsageError: it is one of an older or newer MLflow.
    """
    if urlsplit(address).scheme in ("http", "https") or missing_database(address):
        return
    if version := _require_mlflow(address):
        _require_version(redact(address), version)


def _require_mlflow(address: str) -> str | None:
    """Check that a database can be opened, and is MLflow's or empty; return MLflow's version."""
    from sqlalchemy import inspect, text
    from sqlalchemy.exc import SQLAlchemyError

    place = redact(address)
    try:
        with _engine(address).connect() as connection:
            tables = set(inspect(connection).get_table_names())
            query = text("SELECT version_num FROM alembic_version")
            version = connection.execute(query).scalar() if "alembic_version" in tables else None
    except (SQLAlchemyError, OSError, UnicodeError) as error:
        reason = _first_line(getattr(error, "orig", None) or error)
        if "not a database" in reason:
            raise UsageError(
                f"--tracking-uri: {place} is not a database; move that file away, or correct the "
                f"option or {VARIABLE}"
            ) from error
        raise UsageError(
            f"--tracking-uri: the database at {place} cannot be opened; start it, or correct the "
            f"option or {VARIABLE} ({reason})"
        ) from error
    if tables and "experiments" not in tables:
        raise UsageError(
            f"--tracking-uri: {place} is the database of another program, without MLflow's "
            f"tables; name another one by the option or {VARIABLE}"
        )
    if tables and not _whole(tables):  # of which MLflow would make its own, unasked
        _require_version(place, version)
    return version


def _whole(tables: set[str]) -> bool:
    """Whether a database has all tables of the MLflow that is installed here."""
    import mlflow.store.db.utils  # noqa: F401  which names them all
    from mlflow.store.db.base_sql_model import Base

    return tables.issuperset(Base.metadata.tables)


def _engine(address: str) -> Engine:
    """An engine that opens one connection and waits for it a few seconds at most."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    kind = address.partition("://")[0].partition("+")[0].lower()
    limits = {"postgresql": {"connect_timeout": _SECONDS}, "mysql": {"connect_timeout": _SECONDS}}
    try:
        return create_engine(address, poolclass=NullPool, connect_args=limits.get(kind, {}))
    except ImportError as error:
        driver = error.name or _first_line(error)
        raise UsageError(
            f"--tracking-uri: the driver {driver} of {redact(address)} is not installed; install "
            f"it, or write {kind}+{_DRIVERS.get(kind, 'driver')}:// with one that is"
            f"{f' ({_EXTRA})' if kind == 'postgresql' else ''}"
        ) from error
    except (ArgumentError, ValueError) as error:  # NoSuchModuleError is an ArgumentError
        raise _wrong(address, _first_line(error)) from error


def _require_version(place: str, version: str | None) -> None:
    """Check that a database has the tables of the MLflow that is installed here."""
    import mlflow
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations"
    scripts = ScriptDirectory(str(migrations))
    if version == scripts.get_current_head():
        return
    here = mlflow.__version__
    try:
        scripts.get_revision(version or "base")
    except CommandError:
        raise UsageError(
            f"--tracking-uri: {place} is the database of a newer MLflow than {here}, which is "
            "installed here; name another database, or open it with the newer one"
        ) from None
    raise UsageError(
        f"--tracking-uri: {place} is the database of an older MLflow than {here}, which is "
        f"installed here; back it up, then run `mlflow db upgrade {place}`"
    )


def _first_line(error: object) -> str:
    return first_line(redact_text(str(error))) or type(error).__name__
