"""Cached data checked to the byte: digests, mismatches, and the fingerprint of a split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.arrays import (
    Provenance,
    array_path,
    checks,
    map_array,
    open_array,
    read_provenance,
    write_provenance,
)
from studyhall.search.data.catalog import KINDS, SPLITS, Batch, DatasetInfo
from studyhall.search.data.dataset_manifest import read_manifest
from studyhall.search.data.faults import ExampleNames, Fault, Findings, listed
from studyhall.search.data.splits import Split

# Hex SHA-256 by batch name, then by "images" and "labels".
Digests = dict[str, dict[str, str]]


def digest(array: npt.NDArray[Any]) -> str:
    """Return the hex SHA-256 of an array's elements in row-major order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def digests(folder: Path, info: DatasetInfo) -> Digests:
    """Read every decoded byte in `folder` and return the digest of each batch.

    Raises:
        UsageError: an array cannot be opened.
    """
    return {
        batch.name: {
            kind: digest(open_array(folder, info, batch.split, kind)[batch.start : batch.stop])
            for kind in KINDS
        }
        for batch in info.batches
    }


def mismatches(
    found: Digests, info: DatasetInfo, recorded: Digests | None = None
) -> list[tuple[Batch, str]]:
    """Return each batch and kind ("images" or "labels") whose digest is not the expected one.

    Expected are the `recorded` digests; without them those in the description of the data set.
    """
    reference = {batch.name: {k: batch.digest(k) for k in KINDS} for batch in info.batches}
    expected = reference if recorded is None else recorded
    return [
        (batch, kind)
        for batch in info.batches
        for kind in KINDS
        if found[batch.name][kind] != expected.get(batch.name, {}).get(kind)
    ]


def finish_folder(folder: Path, info: DatasetInfo, provenance: Provenance) -> None:
    """Write about.json, and the CRC of each image and label, beside verified arrays."""
    for split in SPLITS:
        images, labels = (open_array(folder, info, split, kind) for kind in KINDS)
        np.save(array_path(folder, split, "checks"), checks(images, labels))
    write_provenance(folder, provenance)


def verify_folder(folder: Path, info: DatasetInfo) -> Findings:
    """Read every byte of a data set in a folder of the cache and name what is wrong."""
    provenance = read_provenance(folder)
    if provenance is None:
        return Findings((f"{folder / 'about.json'}: must be there and whole",))
    try:
        found = digests(folder, info)
    except UsageError as error:
        return Findings((str(error),))
    # The reference digests were computed from a copy of the data. If the authors' own archive,
    # identified by its MD5, has other bytes, then the archive is right and the copy was wrong.
    wrong = mismatches(found, info, provenance.digests if provenance.authentic else None)
    changed = [(batch, kind, _faults(folder, info, batch, kind)) for batch, kind in wrong]
    return Findings(
        tuple(_sentence(folder, info, *change) for change in changed),
        tuple(fault for _, _, faults in changed for fault in faults),
    )


def _faults(folder: Path, info: DatasetInfo, batch: Batch, kind: str) -> list[Fault]:
    names, path = ExampleNames(folder, info), str(array_path(folder, batch.split, kind))
    return [
        Fault("image" if kind == "images" else "label", names.example(batch.split, index), path)
        for index in _changed(folder, info, batch).tolist()
    ]


def _sentence(folder: Path, info: DatasetInfo, batch: Batch, kind: str, faults: list[Fault]) -> str:
    path = array_path(folder, batch.split, kind)
    where = listed(fault.example for fault in faults) or f"{batch.start} to {batch.stop - 1}"
    return (
        f"{path}: {kind} must be those of {info.name}, got others in {batch.name} at index {where}"
    )


def _changed(folder: Path, info: DatasetInfo, batch: Batch) -> npt.NDArray[np.int64]:
    """Return the indices in the split whose CRC differs; none if the recorded CRCs are damaged."""
    try:
        recorded = np.load(array_path(folder, batch.split, "checks"), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return np.empty(0, np.int64)
    if recorded.shape != info.shape(batch.split, "labels"):
        return np.empty(0, np.int64)
    rows = slice(batch.start, batch.stop)
    images, labels = (open_array(folder, info, batch.split, kind)[rows] for kind in KINDS)
    return batch.start + np.flatnonzero(checks(images, labels) != recorded[rows])


def fingerprint(folder: Path, split: Split) -> str:
    """Return the hex SHA-256 over every image, label and split index of a data set in the cache.

    It also covers types and shapes and, for the user's data, the names of the classes. It does not
    depend on the machine's byte order.

    Raises:
        UsageError: an array cannot be opened.
    """
    parts = _parts(folder, SPLITS)
    for name, indices in (("train", split.train), ("validation", split.validation)):
        parts.append([f"{name} indices", *_content(indices.astype("<i8"))])
    if manifest := read_manifest(folder):
        parts.append(["classes", *manifest.info.classes])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def test_fingerprint(folder: Path) -> str:
    """Return the hex SHA-256 over the test part of a data set alone.

    Raises:
        UsageError: an array cannot be opened.
    """
    return hashlib.sha256(json.dumps(_parts(folder, ("test",))).encode()).hexdigest()


def _parts(folder: Path, splits: Sequence[str]) -> list[list[object]]:
    return [
        [f"{split} {kind}", *_content(map_array(array_path(folder, split, kind)))]
        for split in splits
        for kind in KINDS
    ]


def _content(array: npt.NDArray[Any]) -> tuple[str, tuple[int, ...], str]:
    return array.dtype.str, array.shape, digest(array)
