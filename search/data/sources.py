"""The files of a published data set, read from a folder or an archive."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import Progress
from studyhall.search.data.catalog import DatasetInfo, Piece, UndecodableError

DATA_VARIABLE = "STUDYHALL_DATA"
NEXT_STEP = f"name a whole copy in a folder or archive with --data-dir or {DATA_VARIABLE}"
# The largest file of the real data sets has 47 MB.
_MEMBER_BYTES = 64 << 20

Decode = Callable[[DatasetInfo, str, bytes], Iterator[Piece]]


@dataclass(frozen=True)
class FileSource:
    """A folder or archive that holds a data set.

    Attributes:
        name: its name in errors.
        path: the archive, or the folder that holds the members.
        info: the data set that it should hold.
        members: the file names, of any layout, that hold data.
        decode: turns a member (info, file name, content) into pieces, or raises
            UndecodableError.
        signature: digest of names, sizes and times for a source named by the user; else empty.
        md5: hex MD5 of an archive; empty for a folder.
        authors_md5: hex MD5 of the authors' archive; empty if they publish none.
    """

    name: str
    path: Path
    info: DatasetInfo
    members: frozenset[str]
    decode: Decode
    signature: str = ""
    md5: str = ""
    authors_md5: str = ""

    @property
    def authentic(self) -> bool:
        """Whether it is the authors' own archive."""
        return self.md5 == self.authors_md5 != ""

    def unusable(self, rule: str) -> UsageError:
        """Return the error of a broken rule, with the MD5 of an archive other than the authors'."""
        note = ""
        if self.md5 and self.authors_md5 and not self.authentic:
            note = f" (its MD5 is {self.md5}, the authors' archive has {self.authors_md5})"
        # Some libraries' messages have several lines.
        sentence = " ".join(f"{rule}{note}".split())
        return UsageError(f"{self.name}: {sentence}; {NEXT_STEP}")

    def pieces(self, progress: Progress) -> Iterator[Piece]:
        """Read the files into memory and decode them, one by one; nothing is extracted to disk."""
        progress.start(f"Decoding {self.info.name}", self.info.decoded_bytes)
        for member, content in self._contents():
            try:
                for piece in self.decode(self.info, member, content):
                    yield piece
                    progress.advance(piece.values.nbytes)
            except UndecodableError as error:
                raise self.unusable(f"{member}: {error}") from error

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        read = _folder_members if self.path.is_dir() else _archive_members
        try:
            yield from read(self.path, self.members)
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            # For a file that is not an archive, the error has a line for each compression tried.
            reason = str(error).partition(":\n")[0]
            raise self.unusable(f"must be whole and readable, got '{reason}'") from error


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
