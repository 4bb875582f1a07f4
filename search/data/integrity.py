"""Data known to the byte: digests, what differs from them, and the fingerprint of a split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.arrays import (
    About,
    array_path,
    checks,
    map_array,
    open_array,
    read_about,
)
from studyhall.search.data.catalog import KINDS, SPLITS, Batch, Collection
from studyhall.search.data.dataset_manifest import read_page
from studyhall.search.data.faults import Fault, listed
from studyhall.search.data.naming import Naming
from studyhall.search.data.splits import Split


@dataclass(frozen=True)
class Reading:
    """What a reading of every cached byte found.

    Attributes:
        problems: a sentence for each thing that is wrong; none where every byte is right.
        faults: the examples that are not as they must be, as far as they can be told.
    """

    problems: tuple[str, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Difference:
    """A batch whose images or labels are not what they must be."""

    batch: Batch
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.batch.name}"


def digest(array: npt.NDArray[Any]) -> str:
    """Return the hex SHA-256 of an array's elements in row-major order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def digests(folder: Path, collection: Collection) -> dict[str, dict[str, str]]:
    """Read every decoded byte.

    Args:
        folder: a folder of decoded arrays.
        collection: the data set.

    Returns:
        Hex SHA-256 by batch name, then by "images" and "labels".

    Raises:
        UsageError: an array cannot be opened.
    """
    found: dict[str, dict[str, str]] = {batch.name: {} for batch in collection.batches}
    for split in SPLITS:
        for kind in KINDS:
            array = open_array(folder, collection, split, kind)
            for batch in collection.batches:
                if batch.split == split:
                    found[batch.name][kind] = digest(array[batch.start : batch.stop])
    return found


def differences(
    found: dict[str, dict[str, str]], expected: dict[str, dict[str, str]], collection: Collection
) -> list[Difference]:
    """Compare digests by batch name and kind; return what differs, in the order of the batches."""
    return [
        Difference(batch, kind)
        for batch in collection.batches
        for kind in KINDS
        if found[batch.name][kind] != expected.get(batch.name, {}).get(kind)
    ]


def reference(collection: Collection) -> dict[str, dict[str, str]]:
    """Return the digests that the decoded data must have, by batch name and kind."""
    return {
        batch.name: {kind: batch.digest(kind) for kind in KINDS} for batch in collection.batches
    }


def write_checks(folder: Path, collection: Collection) -> None:
    """Write the CRC of each image and label beside decoded arrays that were found right."""
    for split in SPLITS:
        images, labels = (open_array(folder, collection, split, kind) for kind in KINDS)
        np.save(array_path(folder, split, "checks"), checks(images, labels))


def verify_folder(folder: Path, collection: Collection) -> Reading:
    """Read every byte of a data set in the cache and name what is wrong.

    Args:
        folder: the data set's folder in the cache.
        collection: the data set.
    """
    about = read_about(folder)
    if about is None:
        return Reading((f"{folder / 'about.json'}: must be there and whole",))
    try:
        found = digests(folder, collection)
    except UsageError as error:
        return Reading((str(error),))
    wrong = differences(found, expected_digests(about, collection), collection)
    if not wrong:
        return Reading(())
    changed = [(difference, _faults(folder, collection, difference)) for difference in wrong]
    return Reading(
        tuple(_sentence(folder, collection, one, faults) for one, faults in changed),
        tuple(fault for _, faults in changed for fault in faults),
    )


def expected_digests(about: About, collection: Collection) -> dict[str, dict[str, str]]:
    """Return what cached arrays must hash to.

    The reference digests were taken from a copy of the data. Should the authors' own archive, known
    by its MD5, hold other bytes, then the archive is right and the copy was not.
    """
    return about.digests if about.authentic else reference(collection)


def _faults(folder: Path, collection: Collection, difference: Difference) -> list[Fault]:
    split, naming = difference.batch.split, Naming(folder, collection)
    path = str(array_path(folder, split, difference.kind))
    return [
        Fault("image" if difference.kind == "images" else "label", naming.example(split, i), path)
        for i in _changed(folder, collection, difference.batch).tolist()
    ]


def _sentence(
    folder: Path, collection: Collection, difference: Difference, faults: list[Fault]
) -> str:
    batch, kind = difference.batch, difference.kind
    path = array_path(folder, batch.split, kind)
    where = listed(fault.example for fault in faults) or f"{batch.start} to {batch.stop - 1}"
    return (
        f"{path}: {kind} must be those of {collection.name}, "
        f"got others in {batch.name} at index {where}"
    )


def _changed(folder: Path, collection: Collection, batch: Batch) -> npt.NDArray[np.int64]:
    """Return the indices in the split whose CRC is not as recorded; none if that is unknown."""
    try:
        recorded = np.load(array_path(folder, batch.split, "checks"), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return np.empty(0, np.int64)
    if recorded.shape != collection.shape(batch.split, "labels"):
        return np.empty(0, np.int64)
    rows = slice(batch.start, batch.stop)
    images, labels = (open_array(folder, collection, batch.split, kind)[rows] for kind in KINDS)
    return batch.start + np.flatnonzero(checks(images, labels) != recorded[rows])


def fingerprint(folder: Path, split: Split) -> str:
    """Return the hex SHA-256 over every image, label and split index of a data set.

    It covers types and shapes too, of the user's own data the names of the classes, and does not
    depend on the machine's byte order.

    Args:
        folder: the data set's folder in the cache.
        split: int64 indices of the training images.

    Raises:
        UsageError: an array cannot be opened.
    """
    parts = _parts(folder, SPLITS)
    for name, indices in (("train", split.train), ("validation", split.validation)):
        parts.append([f"{name} indices", *_described(indices.astype("<i8"))])
    if page := read_page(folder):
        parts.append(["classes", *page.collection.classes])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def test_fingerprint(folder: Path) -> str:
    """Return the hex SHA-256 over the test part of a data set, whatever else is drawn from it.

    Raises:
        UsageError: an array cannot be opened.
    """
    return hashlib.sha256(json.dumps(_parts(folder, ("test",))).encode()).hexdigest()


def _parts(folder: Path, splits: Sequence[str]) -> list[list[object]]:
    return [
        [f"{part} {kind}", *_described(map_array(array_path(folder, part, kind)))]
        for part in splits
        for kind in KINDS
    ]


def _described(array: npt.NDArray[Any]) -> tuple[str, tuple[int, ...], str]:
    return array.dtype.str, array.shape, digest(array)
