"""Addresses of storages, a journal's path or a PostgreSQL address, and hiding passwords."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from studyhall.search.common.errors import UsageError
from studyhall.search.common.plain_files import unreadable

HOME = ".studyhall"  # beside the journal: locks, and records that MLflow does not have yet
JOURNAL = "studyhall.journal"
STORAGE_FILE = "STUDYHALL_STORAGE_FILE"  # the variable that names a file with the address
_MOST_BYTES = 100_000  # of a file with one address
_DRIVER = "postgresql+psycopg"
_SCHEMES = ("postgresql", "postgres", _DRIVER)

# Greedy up to the last '@', so that a password with an unescaped '@' or '/' is hidden whole.
_PASSWORD = re.compile(r"(://[^:/?#@\[]*):.*@")
# Without a host, the password stands in the place of a port.
_MISPLACED = re.compile(r"(://[^:/?#@\[]+):(?!\d+(?:[/?#]|$))[^/?#@*][^/?#]*")
# In a sentence; punctuation after the last letter or digit belongs to the sentence.
_ADDRESS = re.compile(r"[a-zA-Z][\w+.-]*://\S*[\w/]")
_SECRET = re.compile(r"(?:ssl)?password", re.IGNORECASE)
_IN_QUERY = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)


def resolved(address: str | Path) -> str | Path:
    """The absolute path of a journal, or a database's address as its driver wants it.

    Raises:
        UsageError: it is the address of another kind of storage, or of a pipe or a device.
    """
    scheme, separator, rest = str(address).partition("://")
    if not separator or isinstance(address, Path):
        return _plain(Path(address).resolve())
    if scheme not in _SCHEMES:
        raise UsageError(
            "--storage: must be the path of a journal, or the address of a PostgreSQL database as "
            f"postgresql://user:password@host/database, got '{redact(address)}'"
        )
    return f"{_DRIVER}://{rest}"


def _plain(path: Path) -> Path:
    with suppress(OSError):  # whoever opens it says why it cannot be
        problem = unreadable(path)
        if problem and not path.is_dir():
            raise UsageError(f"--storage: {path}: {problem}; name another file")
    return path


def address_in(path: Path) -> str:
    """The address in a file, which is how containers receive secrets.

    Raises:
        UsageError: the file cannot be read, or does not hold one line.
    """
    try:
        if problem := unreadable(path, _MOST_BYTES):
            raise UsageError(f"{STORAGE_FILE}: {path}: {problem}; name another file")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(
            f"{STORAGE_FILE}: must name a file that can be read, got '{path}': {reason}"
        ) from None
    found = [line.strip() for line in lines if line.strip()]
    if len(found) != 1:
        raise UsageError(
            f"{STORAGE_FILE}: '{path}' must hold one line, the address, got {len(found)} lines"
        )
    return found[0]


def address_of_host() -> str | None:
    """The address of the storage from this machine's environment variables; None without them.

    Raises:
        UsageError: a variable names a file that does not hold an address.
    """
    path = os.environ.get(STORAGE_FILE)
    return os.environ.get("STUDYHALL_STORAGE") or (address_in(Path(path)) if path else None)


def password_is_plain(address: str) -> bool:
    """Whether an address's password has no unescaped characters that would end it early."""
    found = _PASSWORD.search(address)
    return found is None or not set("@/?#") & set(found[0].removesuffix("@")[len("://") :])


def redact(address: str | Path) -> str:
    """An address without its password, for messages and records; other text is unchanged."""
    text = _PASSWORD.sub(r"\1:***@", str(address))
    return _IN_QUERY.sub(r"\1***", _MISPLACED.sub(r"\1:***", text))


def redact_text(text: str) -> str:
    """A text with the passwords of all its addresses hidden."""
    return _ADDRESS.sub(lambda found: redact(found[0]), text)


def without_password(address: str) -> str:
    """An address that can be passed on; its user takes the password from somewhere else."""
    parts = urlsplit(address)
    if not parts.netloc:
        return address
    user, at, host = parts.netloc.rpartition("@")
    query = "&".join(
        pair for pair in parts.query.split("&") if not _SECRET.match(pair.partition("=")[0])
    )
    return urlunsplit(parts._replace(netloc=user.partition(":")[0] + at + host, query=query))
