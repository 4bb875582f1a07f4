"""From a source to verified arrays in a folder."""

from __future__ import annotations

from pathlib import Path

from studyhall.search.common.progress import Progress
from studyhall.search.data.arrays import About, write_about, write_arrays
from studyhall.search.data.catalog import Collection, Source
from studyhall.search.data.integrity import differences, digests, reference, write_checks


def decode_source(source: Source, collection: Collection, folder: Path, progress: Progress) -> Path:
    """Decode a source into a new folder and check its content to the byte.

    Args:
        source: where the data set is taken from.
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
    missing = write_arrays(folder, collection, source.pieces(progress))
    if missing:
        rule = f"must hold all of {collection.name}, got nothing of {', '.join(missing)}"
        raise source.unusable(rule)
    found = digests(folder, collection)
    wrong = differences(found, reference(collection), collection)
    if wrong and not source.authentic:
        others = ", ".join(map(str, wrong))
        raise source.unusable(f"must be {collection.name} to the byte, got other {others}")
    write_checks(folder, collection)
    write_about(folder, About(source.name, source.signature, source.authentic, found))
    return folder
