"""Examples that are the same to the byte and stand in more than one part of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from studyhall.search.data.arrays import open_array
from studyhall.search.data.catalog import SPLITS, Collection
from studyhall.search.data.faults import Example
from studyhall.search.data.naming import Naming
from studyhall.search.data.splits import Split


@dataclass(frozen=True)
class Duplicate:
    """The same image or point in two parts or more; labels may differ.

    Attributes:
        examples: all that are the same, training first.
    """

    examples: tuple[Example, ...]

    @property
    def parts(self) -> frozenset[str]:
        """The parts that it stands in."""
        return frozenset(example.part for example in self.examples)

    def __str__(self) -> str:
        return " is ".join(f"{example.part} {example}" for example in self.examples)


def find_duplicates(
    folder: Path, collection: Collection, split: Split | None = None
) -> tuple[Duplicate, ...]:
    """Compare all examples of a data set across its parts.

    Args:
        folder: where its arrays lie.
        collection: the data set.
        split: a study's split of the training examples; without it they are one part, "train".

    Raises:
        UsageError: an array cannot be opened.
    """
    arrays = {name: open_array(folder, collection, name, "images") for name in SPLITS}
    parts: dict[str, tuple[str, npt.NDArray[np.int64]]] = {}
    if split is None:
        parts["train"] = "train", np.arange(len(arrays["train"]))
    else:
        parts |= {"train": ("train", split.train), "validation": ("train", split.validation)}
    parts["test"] = "test", np.arange(len(arrays["test"]))
    found: dict[bytes, list[tuple[str, int]]] = {}
    for part, (name, indices) in parts.items():
        images = arrays[name]
        for index in indices.tolist():
            found.setdefault(row_digest(images[index]), []).append((part, index))
    groups = [group for group in found.values() if len({part for part, _ in group}) > 1]
    naming = Naming(folder, collection)
    return tuple(
        Duplicate(tuple(naming.example(parts[part][0], index, part) for part, index in group))
        for group in groups
    )


def counts(duplicates: tuple[Duplicate, ...], split: bool) -> Mapping[str, int]:
    """How many images stand in both of each two parts.

    Args:
        duplicates: what was found.
        split: whether a study's split was given.
    """
    pairs = [("train", "test")]
    if split:
        pairs += [("validation", "test"), ("train", "validation")]
    return {
        f"{one} and {other}": sum({one, other} <= found.parts for found in duplicates)
        for one, other in pairs
    }


def row_digest(row: npt.NDArray[np.generic]) -> bytes:
    """A digest of an example's bytes; examples of one digest are the same."""
    return hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest()
