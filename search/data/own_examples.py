"""What a data set of the user's own holds, before it is decoded into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

MOST_CLASSES = 256  # a label is a byte


@dataclass(frozen=True, eq=False)
class OwnExamples:
    """Examples in the parts that their source has: "train" and "test", or "train" alone.

    Attributes:
        classes: the names of the classes, by label.
        example_shape: (height, width, channels) of images, (inputs,) of points.
        example_type: np.uint8 or np.float32.
        labels: by part, uint8 (N,).
        row: one example by its part and its index there.
        files: by part, the name of each example: its file, or its array and index there.
    """

    classes: tuple[str, ...]
    example_shape: tuple[int, ...]
    example_type: type[np.uint8 | np.float32]
    labels: Mapping[str, npt.NDArray[np.uint8]]
    row: Callable[[str, int], npt.NDArray[Any]]
    files: Mapping[str, tuple[str, ...]]


class OwnSource(Protocol):
    """A folder of pictures, or a file of arrays, that was found but not yet read."""

    @property
    def place(self) -> Path:
        """Where it is."""

    @property
    def drawn(self) -> bool:
        """Whether its test part has to be drawn, since it brings none."""

    @property
    def orderly(self) -> bool:
        """Whether nothing is wrong that the contents of its files do not tell."""

    def sums(self) -> dict[str, str]:
        """Return the hex SHA-256 of each file, by its name; empty text if it cannot be read."""

    def examine(self, size: tuple[int, int] | None) -> OwnExamples:
        """Read it all.

        Args:
            size: the height and width that pictures are resized to; None to leave them.

        Raises:
            UsageError: what it holds is no data set; every mistake, a line each.
        """


def content_digest(sums: Mapping[str, str]) -> str:
    """Return the hex SHA-256 of the names and contents of a source's files."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
    # A name that is no UTF-8 is refused later, in a sentence.
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
