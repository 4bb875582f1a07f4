"""Decoded data sets on disk: one .npy file an array, and a page about where they came from.

cifar10/
  train_images.npy    uint8 (50000, 32, 32, 3), or float32 (10000, 2) where they are points
  train_labels.npy    uint8 (50000,)
  train_checks.npy    uint32 (50000,), CRC-32 of each image and its label
  test_images.npy     and so on
  about.json          source and digests
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import KINDS, SPLITS, Collection, Piece

_FORMAT = 1
_NEXT_STEP = "get it again with `studyhall data fetch`"


@dataclass(frozen=True)
class About:
    """Where cached arrays came from.

    Attributes:
        source: the address, package or path, for people.
        signature: changes when a source that the user named does; empty for other sources.
        authentic: whether the source was the authors' archive, by its MD5.
        digests: hex SHA-256 by batch name, then by "images" and "labels".
    """

    source: str
    signature: str
    authentic: bool
    digests: dict[str, dict[str, str]]


def array_path(folder: Path, split: str, kind: str) -> Path:
    """Return the file of an array: split "train" or "test", kind "images", "labels" or "checks"."""
    return folder / f"{split}_{kind}.npy"


def write_arrays(folder: Path, collection: Collection, pieces: Iterable[Piece]) -> list[str]:
    """Write pieces to their place in the .npy files, which ordinary writes may fail to do.

    Never through a memory map: on a full disk that ends the process without an exception.

    Args:
        folder: a new, empty folder.
        collection: the data set.
        pieces: in any order.

    Returns:
        What no piece held, such as "the labels of data_batch_3".

    Raises:
        OSError: the disk refuses a write.
    """
    with ExitStack() as stack:
        files = {
            (split, kind): stack.enter_context(_writing(folder, collection, split, kind))
            for split in SPLITS
            for kind in KINDS
        }
        for piece in pieces:
            files[piece.split, piece.kind].write(piece.start, piece.values)
    return [
        f"the {kind} of {batch.name}"
        for batch in collection.batches
        for kind in KINDS
        if not files[batch.split, kind].written[batch.start : batch.stop].all()
    ]


@contextmanager
def _writing(folder: Path, collection: Collection, split: str, kind: str) -> Iterator[_ArrayWriter]:
    with array_path(folder, split, kind).open("wb") as file:
        yield _ArrayWriter(file, collection.shape(split, kind), collection.file_type(kind))


class _ArrayWriter:
    """Fills a .npy file with rows in any order."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], file_type: np.dtype[Any]) -> None:
        self.written = np.zeros(shape[0], np.bool_)
        self._type = file_type
        self._row_bytes = math.prod(shape[1:]) * file_type.itemsize
        self._file = file
        header = {"descr": file_type.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        self._first = file.tell()

    def write(self, start: int, values: npt.NDArray[Any]) -> None:
        self._file.seek(self._first + start * self._row_bytes)
        self._file.write(np.ascontiguousarray(values, self._type).data)
        self.written[start : start + len(values)] = True


def map_array(path: Path) -> npt.NDArray[Any]:
    """Map an array of the cache for reading.

    Args:
        path: the array's file.

    Returns:
        The array in the type and shape that the file says, read-only.

    Raises:
        UsageError: the file is missing, cut short, or not an array.
    """
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(
            f"{path}: must be a whole .npy file, got '{error}'; {_NEXT_STEP}"
        ) from error
    return array


def open_array(folder: Path, collection: Collection, split: str, kind: str) -> npt.NDArray[Any]:
    """Map an array of a known data set for reading.

    Args:
        folder: the data set's folder in the cache.
        collection: the data set.
        split: "train" or "test".
        kind: "images" or "labels".

    Returns:
        The collection's type (count, *example_shape), or uint8 (count,) for labels; read-only.

    Raises:
        UsageError: the file is missing, cut short, or holds something else.
    """
    path, shape = array_path(folder, split, kind), collection.shape(split, kind)
    array, wanted = map_array(path), collection.file_type(kind)
    if array.dtype != wanted:
        raise UsageError(f"{path}: must hold {wanted}, got {array.dtype}; {_NEXT_STEP}")
    if array.shape != shape:
        raise UsageError(f"{path}: must have the shape {shape}, got {array.shape}; {_NEXT_STEP}")
    return array


def checks(images: npt.NDArray[Any], labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Return a CRC-32 for each image together with its label, which tells which one was changed.

    Args:
        images: of any type, (N, *example_shape).
        labels: uint8 (N,).

    Returns:
        uint32 (N,).
    """
    pairs = zip(images, labels, strict=True)
    return np.array([zlib.crc32(label, zlib.crc32(image)) for image, label in pairs], np.uint32)


def write_about(folder: Path, about: About) -> None:
    """Write about.json."""
    text = json.dumps({"format": _FORMAT, **asdict(about)}, indent=2, sort_keys=True)
    (folder / "about.json").write_text(text + "\n", encoding="utf-8")


def read_about(folder: Path) -> About | None:
    """Read about.json; None where it is missing or not of this version."""
    try:
        content = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        return About(**content) if content.pop("format") == _FORMAT else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
