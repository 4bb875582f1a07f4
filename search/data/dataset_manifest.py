"""The manifest of the user's decoded data, `collection.json`, and when they were last used."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studyhall.search.data.catalog import SPLITS, Batch, DatasetInfo

MANIFEST = "collection.json"
_FORMAT = 1
_TYPES: dict[str, type[np.uint8 | np.float32]] = {"uint8": np.uint8, "float32": np.float32}


@dataclass(frozen=True)
class DatasetManifest:
    """What was decoded from the user's data, and from which files.

    Attributes:
        info: the data set.
        sums: hex SHA-256 of each source file by its name.
        files: by split, the name of each example: its file, or its array and index there.
    """

    info: DatasetInfo
    sums: dict[str, str]
    files: dict[str, tuple[str, ...]]


def write_manifest(folder: Path, manifest: DatasetManifest) -> None:
    """Write collection.json."""
    info = manifest.info
    content = {
        "format": _FORMAT,
        "name": info.name,
        "variant": info.variant,
        "classes": info.classes,
        "example_shape": info.example_shape,
        "example_type": np.dtype(info.example_type).name,
        "source": info.source_url,
        "parts": {batch.split: [batch.stop, batch.images, batch.labels] for batch in info.batches},
        "sums": manifest.sums,
        "files": manifest.files,
    }
    (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> DatasetManifest | None:
    """Read collection.json; None if it is missing, damaged or of another format version."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            return None
        info = DatasetInfo(
            name=content["name"],
            classes=tuple(content["classes"]),
            example_shape=tuple(content["example_shape"]),
            batches=tuple(Batch(part, part, 0, *content["parts"][part]) for part in SPLITS),
            origin=None,
            source_url=content["source"],
            example_type=_TYPES[content["example_type"]],
            variant=content["variant"],
            balanced=True,
        )
        files = {split: tuple(names) for split, names in content["files"].items()}
        return DatasetManifest(info, dict(content["sums"]), files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def mark_used(folder: Path, when: int | None = None) -> None:
    """Record, as the manifest's time of change, that a study or `data fetch` used decoded data.

    `data verify` compares the user's files with the version that was used last.

    Args:
        folder: the data's folder in the cache.
        when: in nanoseconds since 1970, by default now; 0 for data that were never used.
    """
    with suppress(OSError):  # a cache that another user filled may be read-only
        now = time.time_ns() if when is None else when
        os.utime(folder / MANIFEST, ns=(now, now))


def last_used(folder: Path) -> int:
    """Return when decoded data were last used, in nanoseconds since 1970; 0 if never."""
    try:
        return (folder / MANIFEST).stat().st_mtime_ns
    except OSError:
        return 0
