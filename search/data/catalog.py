"""The description of a data set, known before it is fetched: shapes, origin, digests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import Progress

DATA_VARIABLE = "STUDYHALL_DATA"  # names the user's copy of a data set
SPLITS = ("train", "test")
# Points are called "images" too: the word is in the names of cached files and in the fingerprints
# of recorded studies.
KINDS = ("images", "labels")


class UndecodableError(ValueError):
    """A file whose content breaks a rule; the message has the rule and the value received."""


@dataclass(frozen=True)
class Piece:
    """A decoded stretch of one array.

    Attributes:
        split: "train" or "test".
        kind: "images" or "labels".
        start: the index within the split of the first row.
        values: the data set's type (rows, *example_shape) for images, uint8 (rows,) for labels.
    """

    split: str
    kind: str
    start: int
    values: npt.NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """A stretch of a split, with the digests that its decoded bytes must have.

    Attributes:
        name: the authors' name for it, used in errors.
        split: "train" or "test".
        start: the index within the split of its first row.
        stop: the index after its last row.
        images: hex SHA-256 of its images, row-major (rows, *example_shape).
        labels: hex SHA-256 of its labels, uint8 (rows,).
    """

    name: str
    split: str
    start: int
    stop: int
    images: str
    labels: str

    def digest(self, kind: str) -> str:
        """Return the reference digest of its "images" or its "labels"."""
        return self.images if kind == "images" else self.labels


class Source(Protocol):
    """A file, folder or formula that provides a data set's content."""

    @property
    def name(self) -> str:
        """Its name in errors."""

    @property
    def signature(self) -> str:
        """A value that changes when a source named by the user does; empty for other sources."""

    @property
    def authentic(self) -> bool:
        """Whether it is the authors' own archive, by its MD5."""

    def pieces(self, progress: Progress) -> Iterator[Piece]:
        """Yield the content in any order; `progress` is told of the decoded bytes.

        Raises:
            UsageError: the source cannot be read, is cut short, damaged or breaks a rule.
        """

    def unusable(self, rule: str) -> UsageError:
        """Return the error of a source that breaks `rule`, which includes the value received."""


class Origin(Protocol):
    """How to obtain a data set: from files that its authors published, or by a formula."""

    def named(self, info: DatasetInfo, data_dir: Path | str | None) -> Source | None:
        """Return the source that the user names for a data set; None if there is none.

        Raises:
            UsageError: the place that the user names does not hold the data set.
        """

    def obtain(self, info: DatasetInfo, folder: Path, progress: Progress) -> Source:
        """Return a source without the user's help; downloads are put into `folder`.

        Raises:
            UsageError: no source is available.
        """


@dataclass(frozen=True)
class DatasetInfo:
    """Everything needed to obtain a data set, to check it and to tell it from others.

    Attributes:
        name: the name that study files and commands use.
        classes: the names of the classes, by label.
        example_shape: the shape of an example: (height, width, channels), or (inputs,) of a point.
        batches: the stretches that together cover each split.
        origin: how to obtain it; None for the user's data, which their settings locate.
        source_url: where the data are from, for the record of a study.
        example_type: np.uint8 or np.float32.
        variant: tells data sets of the same name apart; empty if there is only one.
        balanced: whether a random split gives each class its share.
    """

    name: str
    classes: tuple[str, ...]
    example_shape: tuple[int, ...]
    batches: tuple[Batch, ...]
    origin: Origin | None
    source_url: str
    example_type: type[np.uint8 | np.float32] = np.uint8
    variant: str = ""
    balanced: bool = False

    @property
    def folder(self) -> str:
        """The name of its folder in the cache."""
        return f"{self.name}{self.variant}"

    @property
    def decoded_bytes(self) -> int:
        """The size of its decoded examples in bytes."""
        examples = sum(self.count(split) for split in SPLITS)
        return examples * math.prod(self.example_shape) * self.file_type("images").itemsize

    def count(self, split: str) -> int:
        """Return the number of examples in "train" or "test"."""
        return max(batch.stop for batch in self.batches if batch.split == split)

    def shape(self, split: str, kind: str) -> tuple[int, ...]:
        """Return the shape of a whole array: (count, *example_shape) or (count,)."""
        return (self.count(split), *(self.example_shape if kind == "images" else ()))

    def file_type(self, kind: str) -> np.dtype[Any]:
        """Return the type of an array in a file, little-endian on every machine."""
        return np.dtype(self.example_type if kind == "images" else np.uint8).newbyteorder("<")

    def batch(self, name: str) -> Batch:
        """Return the batch called `name`."""
        return next(batch for batch in self.batches if batch.name == name)
