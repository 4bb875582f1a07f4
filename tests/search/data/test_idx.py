"""IDX files: what breaks a rule is refused by the rule and the value received."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from studyhall.search.data.catalog import DatasetInfo, UndecodableError
from studyhall.search.data.mnist import decode
from tests.search.data.idx_files import IMAGES, LABELS, idx, small_info


@pytest.fixture(scope="module")
def small() -> DatasetInfo:
    return small_info()


def wrong_label(value: int, index: int) -> bytes:
    labels = LABELS["train"].copy()
    labels[index] = value
    return idx(labels)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "train-images-idx3-ubyte",
            idx(IMAGES["train"], magic=2049),
            "its magic number must be 2051, got 2049",
        ),
        (
            "train-labels-idx1-ubyte",
            idx(LABELS["train"], magic=2051),
            "its magic number must be 2049, got 2051",
        ),
        (
            "train-images-idx3-ubyte",
            idx(IMAGES["train"])[:15],
            "must begin with a header of 16 bytes, got 15 bytes",
        ),
        ("t10k-labels.idx1-ubyte", b"", "must begin with a header of 8 bytes, got 0 bytes"),
        (
            "train-images-idx3-ubyte",
            idx(IMAGES["train"][:11]),
            "its header must say 12 x 28 x 28, got 11 x 28 x 28",
        ),
        (
            "train-images-idx3-ubyte",
            idx(IMAGES["train"], sizes=(12, 14, 56)),
            "its header must say 12 x 28 x 28, got 12 x 14 x 56",
        ),
        ("t10k-labels-idx1-ubyte", idx(LABELS["train"]), "its header must say 4, got 12"),
        (
            "train-images-idx3-ubyte",
            idx(IMAGES["train"])[:-1],
            "must have 9408 bytes behind its header, got 9407",
        ),
        (
            "t10k-labels-idx1-ubyte",
            idx(LABELS["t10k"]) + b"\0",
            "must have 4 bytes behind its header, got 5",
        ),
        (
            "train-labels-idx1-ubyte",
            wrong_label(10, 11),
            "labels must be 0 to 9, got 10 for image 11",
        ),
        (
            "train-labels-idx1-ubyte",
            wrong_label(255, 0),
            "labels must be 0 to 9, got 255 for image 0",
        ),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_breaks_a_rule_of_idx_files_is_refused_by_rule_and_value(
    small: DatasetInfo, name: str, content: bytes, message: str, packed: bool
) -> None:
    if packed:
        name, content = f"{name}.gz", gzip.compress(content)
        # A file that is too long is stopped while it unpacks.
        message = message.replace("must have 4 bytes behind its header, got 5", "must unpack to")
        message = message.replace("its header must say 4, got 12", "must unpack to 12 bytes")
    with pytest.raises(UndecodableError) as caught:
        list(decode(small, name, content))
    assert str(caught.value).startswith(message)
    assert packed or str(caught.value) == message


PACKED = gzip.compress(idx(IMAGES["train"]), mtime=0)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "must begin with a header of 16 bytes, got 0 bytes"),
        (idx(IMAGES["train"]), "must be a whole gzip file, got Not a gzipped file (b'\\x00\\x00')"),
        (PACKED[:5], "must be a whole gzip file, got Compressed file ended before"),
        (PACKED[:-1], "must be a whole gzip file, got Compressed file ended before"),
        (PACKED[:2000], "must be a whole gzip file, got Compressed file ended before"),
        (PACKED[:-8] + bytes(8), "must be a whole gzip file, got CRC check failed"),
        (PACKED[:10] + b"\xff" * 50, "must be a whole gzip file, got Error -3 while"),
        (PACKED + b"more", "must be a whole gzip file, got Not a gzipped file (b'mo')"),
    ],
)
def test_damaged_gzip_is_refused_by_what_is_wrong(
    small: DatasetInfo, content: bytes, got: str
) -> None:
    with pytest.raises(UndecodableError) as caught:
        list(decode(small, "train-images-idx3-ubyte.gz", content))
    assert str(caught.value).startswith(got)


@pytest.mark.parametrize("more", [1, 64 << 20])
def test_what_unpacks_to_more_than_the_file_has_is_not_unpacked(
    small: DatasetInfo, more: int
) -> None:
    content = gzip.compress(idx(IMAGES["train"]) + bytes(more), 1)
    tracemalloc.start()
    try:
        with pytest.raises(UndecodableError) as caught:
            list(decode(small, "train-images-idx3-ubyte.gz", content))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert str(caught.value) == "must unpack to 9424 bytes, got more"
