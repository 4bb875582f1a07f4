"""From a source's files to verified arrays in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from search.arrays import About, decoded_bytes, write_about, write_arrays
from search.catalog import Collection, Piece, UndecodableError
from search.integrity import differences, digests, reference, write_checks
from search.progress import Progress
from search.sources import Source, members, unusable


def decode_source(source: Source, collection: Collection, folder: Path, progress: Progress) -> Path:
    """Decode a source into a new folder and check its content to the byte.

    Args:
        source: where the data set is read from.
        collection: the data set.
        folder: the folder to make, on the cache's disk.
        progress: told of the decoded bytes.

    Returns:
        The folder.

    Raises:
        UsageError: the source is damaged, incomplete or holds other data.
        OSError: the disk refuses a write.
    """
    folder.mkdir()
    progress.start(f"Decoding {collection.name}", decoded_bytes(collection))
    missing = write_arrays(folder, collection, _pieces(source, collection, progress))
    if missing:
        rule = f"must hold all of {collection.name}, got nothing of {', '.join(missing)}"
        raise unusable(source, collection, rule)
    found = digests(folder, collection)
    authentic = source.md5 == collection.archive.md5
    wrong = differences(found, reference(collection), collection)
    if wrong and not authentic:
        others = ", ".join(map(str, wrong))
        raise unusable(
            source, collection, f"must be {collection.name} to the byte, got other {others}"
        )
    write_checks(folder, collection)
    write_about(folder, About(source.name, source.signature, authentic, found))
    return folder


def _pieces(source: Source, collection: Collection, progress: Progress) -> Iterator[Piece]:
    for member, content in members(source, collection):
        try:
            for piece in collection.decode(collection, member, content):
                yield piece
                progress.advance(piece.values.nbytes)
        except UndecodableError as error:
            raise unusable(source, collection, f"{member}: {error}") from error
