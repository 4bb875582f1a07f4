"""The figures of the real CIFAR-10, and the decoders of its two forms."""

from __future__ import annotations

import json
import os
import pickle
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.data.catalog import UndecodableError
from studyhall.search.data.cifar10 import CIFAR10, decode
from studyhall.search.data.datasets import fetch, open_dataset, open_test
from studyhall.search.data.verification import verify


def test_pixels_have_the_published_means_and_deviations(cifar10_cache: Path) -> None:
    images = open_dataset("cifar10", cifar10_cache).train_examples
    values = np.arange(256)
    for channel, (mean, deviation) in enumerate(
        [(125.307, 62.993), (122.950, 62.089), (113.865, 66.705)]
    ):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        found = np.average(values, weights=counts)
        assert found == pytest.approx(mean, abs=5e-4)
        spread = np.sqrt(np.average((values - found) ** 2, weights=counts))
        assert spread == pytest.approx(deviation, abs=5e-4)


def test_first_labels_and_class_counts_are_the_published_ones(cifar10_cache: Path) -> None:
    train = open_dataset("cifar10", cifar10_cache).train_labels
    images, test, _ = open_test("cifar10", cifar10_cache)
    assert train[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert test[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert np.bincount(train).tolist() == [5000] * 10
    assert np.bincount(test).tolist() == [1000] * 10
    assert images.shape == (10000, 32, 32, 3)


def test_first_image_is_a_frog_in_colour_the_right_way_up(cifar10_cache: Path) -> None:
    dataset = open_dataset("cifar10", cifar10_cache)
    assert dataset.info.classes[dataset.train_labels[0]] == "frog"
    assert dataset.train_examples[0, 0, 0].tolist() == [59, 62, 63]
    assert dataset.train_examples[0, 0, 1].tolist() == [43, 46, 45]
    assert dataset.train_examples[0, 31, 31].tolist() == [123, 92, 72]


@pytest.mark.long
def test_real_data_in_the_authors_form_decode_to_the_same_bytes(
    cifar10_cache: Path, cache: Path, tiny: Any, tmp_path: Path
) -> None:
    train = open_dataset("cifar10", cifar10_cache)
    test_images, test_labels, _ = open_test("cifar10", cifar10_cache)
    files = {}
    for batch in CIFAR10.batches:
        images, labels = (
            (train.train_examples, train.train_labels)
            if batch.split == "train"
            else (test_images, test_labels)
        )
        rows = slice(batch.start, batch.stop)
        files[batch.name] = tiny.pickle(images[rows], labels[rows].tolist())
    fetch("cifar10", data_dir=tiny.folder(tmp_path / "cifar-10-batches-py", files))
    assert verify("cifar10").intact
    for name in ("train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy"):
        assert (cache / "cifar10" / name).read_bytes() == (cifar10_cache / name).read_bytes()


def test_pickles_of_these_tests_are_pickles_of_numpy_arrays(tiny: Any) -> None:
    with warnings.catch_warnings():
        # NumPy would have these old pickles name their alignment otherwise.
        warnings.simplefilter("ignore")
        content = pickle.loads(tiny.authors_files["data_batch_1"], encoding="bytes")
    assert content[b"labels"] == tiny.labels[0].tolist()
    assert content[b"data"].shape == (20, 3072)
    assert content[b"data"][3, :1024].tolist() == tiny.images[0, 3, :, :, 0].ravel().tolist()


@pytest.mark.parametrize("form", ["authors_files", "package_files"])
def test_both_forms_decode_to_the_images_and_labels(tiny: Any, form: str) -> None:
    for name, content in getattr(tiny, form).items():
        for piece in decode(tiny.info, name, content):
            whole = {
                ("train", "images"): tiny.images[:5].reshape(100, 32, 32, 3),
                ("train", "labels"): tiny.labels[:5].ravel(),
                ("test", "images"): tiny.images[5],
                ("test", "labels"): tiny.labels[5],
            }[piece.split, piece.kind]
            expected = whole[piece.start : piece.start + len(piece.values)]
            assert piece.values.dtype == np.uint8
            np.testing.assert_array_equal(piece.values, expected)


class _MakeFolder:
    """Unpickled, it would create a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_calls_something_is_refused_before_it_does(tiny: Any, tmp_path: Path) -> None:
    content = pickle.dumps({b"data": _MakeFolder(tmp_path / "planted")}, protocol=3)
    with pytest.raises(UndecodableError, match=f"got the forbidden name {os.name}.mkdir"):
        list(decode(tiny.info, "data_batch_1", content))
    assert not (tmp_path / "planted").exists()
    pickle.loads(content)
    assert (tmp_path / "planted").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "fromfile"),
    ],
)
def test_only_the_globals_of_the_authors_files_can_be_named(
    tiny: Any, module: str, name: str
) -> None:
    content = b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"U\x01x\x85R."
    with pytest.raises(UndecodableError, match=f"got the forbidden name {module}.{name}"):
        list(decode(tiny.info, "data_batch_1", content))


def _labels(values: list[Any]) -> tuple[str, bytes]:
    return "test_lables.json", json.dumps(values).encode()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([3] * 19 + [10], "labels must be 0 to 9, got 10 for image 19"),
        ([-1] + [3] * 19, "labels must be 0 to 9, got -1 for image 0"),
        ([300] + [3] * 19, "labels must be 0 to 9, got 300 for image 0"),
        ([3] * 19, "must hold 20 labels, got 19"),
        ([3] * 19 + [1.5], "labels must be a list of whole numbers"),
        ([3] * 19 + [True], "labels must be a list of whole numbers"),
        ([3] * 19 + [[3]], "labels must be a list of whole numbers"),
    ],
)
def test_wrong_labels_are_refused_by_rule_and_value(
    tiny: Any, values: list[Any], message: str
) -> None:
    with pytest.raises(UndecodableError) as caught:
        list(decode(tiny.info, *_labels(values)))
    assert str(caught.value) == message


def test_labels_out_of_range_are_refused_in_the_authors_form_too(tiny: Any) -> None:
    content = tiny.pickle(tiny.images[0], [3] * 19 + [77])
    with pytest.raises(UndecodableError, match="labels must be 0 to 9, got 77 for image 19"):
        list(decode(tiny.info, "data_batch_1", content))


def test_json_that_is_cut_short_is_refused(tiny: Any) -> None:
    with pytest.raises(UndecodableError, match="must be JSON, got Expecting"):
        list(decode(tiny.info, "test_lables.json", b"[3, 3"))


def test_a_batch_with_too_few_images_is_refused_by_its_shape(tiny: Any) -> None:
    content = tiny.pickle(tiny.images[0, :19], [3] * 19)
    with pytest.raises(UndecodableError, match=r"must be uint8 \(20, 3072\), got \(19, 3072\)"):
        list(decode(tiny.info, "data_batch_1", content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got Ran out of input"),
        (b"\x80\x02K\x01.", "must hold a dictionary, got int"),
        (b"\x80\x02}.", r"must be uint8 \(20, 3072\), got NoneType"),
        (b"no pickle at all", "must be one of the authors' pickles"),
        (b"\x80\x02cnumpy\ndtype\nU\x01O\x85R.", "got an array of type b'O'"),
    ],
)
def test_what_is_no_batch_is_refused(tiny: Any, content: bytes, message: str) -> None:
    with pytest.raises(UndecodableError, match=message):
        list(decode(tiny.info, "data_batch_1", content))


def test_a_png_of_another_size_is_refused_by_its_size(tiny: Any) -> None:
    content = tiny.png(tiny.images[0, :7])
    with pytest.raises(UndecodableError) as caught:
        list(decode(tiny.info, "data_batch_1.png", content))
    assert str(caught.value) == "must be an RGB PNG of 20 x 1024, got RGB, 7 x 1024"


@pytest.mark.parametrize(
    ("kept", "got"),
    [
        (0, "something else"),
        (10, "something else"),
        (30, "something else"),
        (1000, "image file is truncated"),
        (-20_000, "image file is truncated"),
    ],
)
def test_a_png_cut_short_is_refused(tiny: Any, kept: int, got: str) -> None:
    content = tiny.package_files["data_batch_1.png"][:kept]
    with pytest.raises(UndecodableError, match=f"^must be a whole PNG, got {got}"):
        list(decode(tiny.info, "data_batch_1.png", content))


@pytest.mark.parametrize("position", [0, 9, 11, 16, 35, 41, 48])
def test_a_png_with_a_changed_byte_in_its_structure_is_refused(tiny: Any, position: int) -> None:
    content = bytearray(tiny.package_files["data_batch_1.png"])
    content[position] ^= 0x80
    with pytest.raises(UndecodableError, match=r"^must be a whole PNG, got ") as caught:
        list(decode(tiny.info, "data_batch_1.png", bytes(content)))
    assert " object at " not in str(caught.value)


def test_a_png_whose_header_is_too_short_is_refused(tiny: Any) -> None:
    header = b"IHDR" + bytes(5)
    content = b"\x89PNG\r\n\x1a\n" + bytes([0, 0, 0, 5]) + header
    content += zlib.crc32(header).to_bytes(4, "big")
    with pytest.raises(UndecodableError, match="must be a whole PNG, got Truncated IHDR chunk"):
        list(decode(tiny.info, "data_batch_1.png", content))


def test_a_png_that_claims_to_be_gigantic_is_refused(tiny: Any) -> None:
    content = bytearray(tiny.package_files["data_batch_1.png"])
    content[16:24] = b"\x00\x0f\xff\xff\x00\x0f\xff\xff"
    with pytest.raises(UndecodableError, match="must be a whole PNG"):
        list(decode(tiny.info, "data_batch_1.png", bytes(content)))


def test_images_may_have_another_shape(tiny: Any) -> None:
    info = replace(tiny.info, example_shape=(16, 64, 3))
    pieces = decode(info, "data_batch_1", tiny.authors_files["data_batch_1"])
    assert next(pieces).values.shape == (20, 16, 64, 3)
