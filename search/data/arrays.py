"""Decoded data sets on disk: one .npy file per array, and a file about their provenance.

cifar10/
  train_images.npy    uint8 (50000, 32, 32, 3), or float32 (10000, 2) for points
  train_labels.npy    uint8 (50000,)
  train_checks.npy    uint32 (50000,), CRC-32 of each image and its label
  test_images.npy     and likewise for the test split
  about.json          source and digests
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import KINDS, SPLITS, DatasetInfo, Piece

_FORMAT = 1
_NEXT_STEP = "get it again with `studyhall data fetch`"


@dataclass(frozen=True)
class Provenance:
    """Where cached arrays came from, as about.json records it.

    Attributes:
        source: the address, package or path, for people to read.
        signature: changes when a source named by the user does; empty for other sources.
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


def write_arrays(folder: Path, info: DatasetInfo, pieces: Iterable[Piece]) -> list[str]:
    """Write pieces, which come in any order, to their places in the .npy files of a new folder.

    Ordinary writes raise an error on a full disk; writing through a memory map would end the
    process without an exception.

    Returns:
        The parts that no piece held, such as "the labels of data_batch_3".

    Raises:
        OSError: the disk refuses a write.
    """
    with ExitStack() as stack:
        files = {
            (split, kind): _ArrayWriter(
                stack.enter_context(array_path(folder, split, kind).open("wb")),
                info.shape(split, kind),
                info.file_type(kind),
            )
            for split in SPLITS
            for kind in KINDS
        }
        for piece in pieces:
            files[piece.split, piece.kind].write(piece.start, piece.values)
    return [
        f"the {kind} of {batch.name}"
        for batch in info.batches
        for kind in KINDS
        if not files[batch.split, kind].written[batch.start : batch.stop].all()
    ]


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
    """Map an array of the cache into memory, read-only, with the type and shape in its file.

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


def open_array(folder: Path, info: DatasetInfo, split: str, kind: str) -> npt.NDArray[Any]:
    """Map the "images" or "labels" of a split, in a data set's folder, into memory.

    Returns:
        The data set's type (count, *example_shape), or uint8 (count,) for labels; read-only.

    Raises:
        UsageError: the file is missing, cut short, or holds something else.
    """
    path, shape = array_path(folder, split, kind), info.shape(split, kind)
    array, wanted = map_array(path), info.file_type(kind)
    if array.dtype != wanted:
        raise UsageError(f"{path}: must hold {wanted}, got {array.dtype}; {_NEXT_STEP}")
    if array.shape != shape:
        raise UsageError(f"{path}: must have the shape {shape}, got {array.shape}; {_NEXT_STEP}")
    return array


def checks(images: npt.NDArray[Any], labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Return a CRC-32 of each image with its label, by which a changed one is found.

    Args:
        images: of any type, (N, *example_shape).
        labels: uint8 (N,).

    Returns:
        uint32 (N,).
    """
    pairs = zip(images, labels, strict=True)
    return np.array([zlib.crc32(label, zlib.crc32(image)) for image, label in pairs], np.uint32)


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Write about.json."""
    text = json.dumps({"format": _FORMAT, **asdict(provenance)}, indent=2, sort_keys=True)
    (folder / "about.json").write_text(text + "\n", encoding="utf-8")


def read_provenance(folder: Path) -> Provenance | None:
    """Read about.json; None if it is missing, damaged or of another format version."""
    try:
        content = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        return Provenance(**content) if content.pop("format") == _FORMAT else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
