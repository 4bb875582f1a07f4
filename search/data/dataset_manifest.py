"""`collection.json`: what the cache knows of a data set of the user's own."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import Progress
from studyhall.search.data.catalog import SPLITS, Batch, Collection, Source

PAGE = "collection.json"
_FORMAT = 1
_TYPES: dict[str, type[np.uint8 | np.float32]] = {"uint8": np.uint8, "float32": np.float32}


@dataclass(frozen=True)
class Own:
    """The origin of the user's own data: files that a study file or --data-dir names."""

    def named(self, collection: Collection, data_dir: Path | str | None) -> None:
        """Return None: a description does not say where the files are."""

    def obtain(self, collection: Collection, folder: Path, progress: Progress) -> Source:
        """Refuse: likewise.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"{collection.name}: must be named by its study file, got its description alone"
        )


@dataclass(frozen=True)
class OwnPage:
    """What was decoded, and from which files.

    Attributes:
        collection: the data set.
        sums: hex SHA-256 of each source file by its name.
        files: by split, the name of each example: its file, or its array and index there.
    """

    collection: Collection
    sums: dict[str, str]
    files: dict[str, tuple[str, ...]]


def write_page(folder: Path, page: OwnPage) -> None:
    """Write collection.json."""
    own = page.collection
    content = {
        "format": _FORMAT,
        "name": own.name,
        "variant": own.variant,
        "classes": own.classes,
        "example_shape": own.example_shape,
        "example_type": np.dtype(own.example_type).name,
        "source": own.source_url,
        "parts": {batch.split: [batch.stop, batch.images, batch.labels] for batch in own.batches},
        "sums": page.sums,
        "files": page.files,
    }
    (folder / PAGE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_page(folder: Path) -> OwnPage | None:
    """Read collection.json; None where it is missing, damaged or not of this version."""
    try:
        content = json.loads((folder / PAGE).read_text(encoding="utf-8"))
        return _page(content) if content["format"] == _FORMAT else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def mark_used(folder: Path, when: int | None = None) -> None:
    """Note that a study or the user took decoded data as theirs: `data verify` goes by the last.

    Args:
        folder: the data's folder in the cache.
        when: in nanoseconds since 1970, by default now; 0 of data that no one took yet.
    """
    with suppress(OSError):  # a cache that others filled may be readable alone
        now = time.time_ns() if when is None else when
        os.utime(folder / PAGE, ns=(now, now))


def last_used(folder: Path) -> int:
    """When decoded data were last taken, in nanoseconds since 1970; 0 if they never were."""
    try:
        return (folder / PAGE).stat().st_mtime_ns
    except OSError:
        return 0


def require_page(folder: Path) -> OwnPage:
    """Read collection.json.

    Raises:
        UsageError: it is missing, damaged or not of this version.
    """
    if page := read_page(folder):
        return page
    raise UsageError(
        f"{folder / PAGE}: must be there and whole; get the data again with `studyhall data fetch` "
        "and their study file"
    )


def _page(content: dict[str, Any]) -> OwnPage:
    parts = content["parts"]
    collection = Collection(
        name=content["name"],
        classes=tuple(content["classes"]),
        example_shape=tuple(content["example_shape"]),
        batches=tuple(Batch(split, split, 0, *parts[split]) for split in SPLITS),
        origin=Own(),
        source_url=content["source"],
        example_type=_TYPES[content["example_type"]],
        variant=content["variant"],
        balanced=True,
    )
    files = {split: tuple(names) for split, names in content["files"].items()}
    return OwnPage(collection, dict(content["sums"]), files)
