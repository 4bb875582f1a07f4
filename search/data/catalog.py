"""What Studyhall knows of a data set before it has it: shapes, origin and reference digests."""

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

SPLITS = ("train", "test")
# Examples are called images though they may be points: the word is in the names of cached files and
# in the fingerprints of recorded studies.
KINDS = ("images", "labels")


class UndecodableError(ValueError):
    """A member whose content breaks a rule; the message names the rule and the value received."""


@dataclass(frozen=True)
class Piece:
    """A decoded stretch of one array.

    Attributes:
        split: "train" or "test".
        kind: "images" or "labels".
        start: the index within the split of the first row.
        values: the collection's type (rows, *example_shape) for images, uint8 (rows,) for labels.
    """

    split: str
    kind: str
    start: int
    values: npt.NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """A stretch of a split, with what its decoded bytes must hash to.

    Attributes:
        name: what the authors call it, as errors do.
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
    """A place or a formula that a data set's content is taken from."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def signature(self) -> str:
        """What changes when a source that the user named does; empty for others."""

    @property
    def authentic(self) -> bool:
        """Whether it is the authors' own archive, by its MD5."""

    def pieces(self, progress: Progress) -> Iterator[Piece]:
        """Yield the content, in any order; `progress` is told of the decoded bytes.

        Raises:
            UsageError: the source cannot be read, is cut short, damaged or breaks a rule.
        """

    def unusable(self, rule: str) -> UsageError:
        """Return the error of a source that breaks a rule, told with the value received."""


class Origin(Protocol):
    """How a data set is had: from files that its authors published, or drawn by a formula."""

    def named(self, collection: Collection, data_dir: Path | str | None) -> Source | None:
        """Return the source that the user names for a data set; None where there is none.

        Raises:
            UsageError: what the user names does not hold the data set.
        """

    def obtain(self, collection: Collection, folder: Path, progress: Progress) -> Source:
        """Return a source without the user's help; `folder` is for what has to be downloaded.

        Raises:
            UsageError: none can be had.
        """


@dataclass(frozen=True)
class Collection:
    """A data set: everything needed to get it, to check it and to tell it from others.

    Attributes:
        name: the name that study files and commands use.
        classes: the names of the classes, by label.
        example_shape: the shape of an example: (height, width, channels), or (inputs,) of a point.
        batches: the stretches that together cover each split.
        origin: where its content comes from.
        source_url: what a record of a study says of where the data are from.
        example_type: np.uint8 or np.float32.
        variant: what tells it from others of its name; empty where the name stands for one.
        balanced: whether a random split gives each class its share.
    """

    name: str
    classes: tuple[str, ...]
    example_shape: tuple[int, ...]
    batches: tuple[Batch, ...]
    origin: Origin
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
        """How many bytes its examples take."""
        examples = sum(self.count(split) for split in SPLITS)
        return examples * math.prod(self.example_shape) * self.file_type("images").itemsize

    def count(self, split: str) -> int:
        """Return the number of examples in "train" or "test"."""
        return max(batch.stop for batch in self.batches if batch.split == split)

    def shape(self, split: str, kind: str) -> tuple[int, ...]:
        """Return the shape of a whole array: (count, *example_shape) or (count,)."""
        return (self.count(split), *(self.example_shape if kind == "images" else ()))

    def file_type(self, kind: str) -> np.dtype[Any]:
        """Return the type of an array, in the byte order that files have on every machine."""
        return np.dtype(self.example_type if kind == "images" else np.uint8).newbyteorder("<")

    def batch(self, name: str) -> Batch:
        """Return the batch called `name`."""
        return next(batch for batch in self.batches if batch.name == name)
