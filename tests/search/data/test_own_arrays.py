"""The user's `.npz` files: how they are read, and the message about each mistake."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.data.datasets import describe, fetch, open_dataset, open_test
from studyhall.search.data.splits import require_fitting
from tests.search.data.own_sets import CLASSES, array_file, arrays, own


def complaints(path: Path, **settings: object) -> list[str]:
    with pytest.raises(UsageError) as caught:
        fetch(own(path, **settings))
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def changed(**others: Any) -> dict[str, np.ndarray]:
    """The usual arrays with others in their place; None leaves one out."""
    return {name: values for name, values in (arrays() | others).items() if values is not None}


def test_images_and_labels_are_taken_as_they_are(tmp_path: Path, cache: Path) -> None:
    content = arrays()
    settings = own(array_file(tmp_path / "pets.npz", content))
    folder = fetch(settings)
    dataset, (test, labels, _) = open_dataset(settings, folder), open_test(settings, folder)
    assert (dataset.info.classes, dataset.info.example_shape) == (CLASSES, (6, 8, 3))
    np.testing.assert_array_equal(dataset.train_examples, content["train_images"])
    np.testing.assert_array_equal(dataset.train_labels, content["train_labels"])
    np.testing.assert_array_equal(test, content["test_images"])
    np.testing.assert_array_equal(labels, content["test_labels"])


@pytest.mark.parametrize(
    "names", [("x_train", "y_train", "x_test", "y_test"), ("images", "labels", "x_test", "y_test")]
)
def test_arrays_may_have_the_names_that_others_use(
    tmp_path: Path, cache: Path, names: tuple[str, ...]
) -> None:
    content = arrays()
    renamed = dict(zip(names, list(content.values())[:4], strict=True))
    settings = own(array_file(tmp_path / "pets.npz", renamed))
    dataset = open_dataset(settings, fetch(settings))
    np.testing.assert_array_equal(dataset.train_examples, content["train_images"])
    assert dataset.info.classes == ("0", "1", "2")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_points_may_have_any_number_of_inputs(tmp_path: Path, cache: Path, kind: type) -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(30, 7)).astype(kind)
    labels = np.array(["b", "a", "c"] * 10)
    settings = own(array_file(tmp_path / "pets.npz", {"images": points, "labels": labels}))
    folder = fetch(settings)
    dataset, (test, sealed, _) = open_dataset(settings, folder), open_test(settings, folder)
    assert dataset.train_examples.dtype == np.float32
    assert (dataset.info.classes, dataset.info.example_shape) == (("a", "b", "c"), (7,))
    assert (dataset.train_examples.shape, test.shape) == ((24, 7), (6, 7))
    assert np.bincount(sealed).tolist() == [2, 2, 2]
    known = dict(zip(map(bytes, points.astype("<f4")), labels.tolist(), strict=True))
    for row, label in zip(dataset.train_examples, dataset.train_labels, strict=True):
        assert dataset.info.classes[label] == known[bytes(row)]


def test_images_without_channels_are_grey(tmp_path: Path, cache: Path) -> None:
    content = arrays()
    grey = {f"{part}_images": content[f"{part}_images"][..., 0] for part in ("train", "test")}
    settings = own(array_file(tmp_path / "pets.npz", changed(**grey)))
    assert open_dataset(settings, fetch(settings)).info.example_shape == (6, 8, 1)


def test_labels_may_stand_in_a_column_and_be_any_whole_numbers(tmp_path: Path, cache: Path) -> None:
    content = changed(
        train_labels=np.array([[7], [-1], [20]] * 5),
        test_labels=np.array([[20]] * 2 + [[7], [-1]] * 2),
        classes=None,
    )
    settings = own(array_file(tmp_path / "pets.npz", content))
    dataset = open_dataset(settings, fetch(settings))
    assert dataset.info.classes == ("-1", "7", "20")
    assert dataset.train_labels[:3].tolist() == [1, 0, 2]


FORMS = (
    "must be uint8 images (N, height, width, 1 or 3) or (N, height, width), or float points "
    "(N, inputs), and not empty, got"
)
POINTS = np.zeros((15, 4), np.float32)


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"train_images": np.zeros((15, 6, 8, 3))},
         [f"train_images: {FORMS} float64 (15, 6, 8, 3)"]),
        ({"test_images": np.zeros((6, 6, 8, 2), np.uint8)},
         [f"test_images: {FORMS} uint8 (6, 6, 8, 2)"]),
        ({"test_images": np.zeros((6, 6, 7), np.uint8)},
         ["test_images: must hold uint8 (N, 6, 8, 3) as train_images does, got uint8 (N, 6, 7)"]),
        ({"train_labels": np.arange(14) % 3},
         ["train_labels: must be as many as train_images, 15, got 14"]),
        ({"train_labels": np.full(15, 0.5)},
         ["train_labels: must be whole numbers or strings (N,), got float64 (15,)"]),
        ({"test_labels": np.array([0, 1, 2, 3, 4, -1])},
         ["test_labels: must be one of the classes (cat, dog, eel), got 3 at index 3, 4 at index "
          "4, -1 at index 5"]),
        ({"test_labels": np.array([0, 1, 0, 1, 0, 1])},
         ["the test part must have at least 1 examples of class eel, got 0"]),
        ({"train_labels": np.array([0, 1] * 7 + [2])},
         ["the train part must have at least 2 examples of class eel, got 1"]),
        ({"train_labels": np.zeros(15, np.int64), "test_labels": np.zeros(6, np.int64),
          "classes": None},
         ["train_labels: must be of 2 to 256 classes, got 1"]),
        ({"classes": np.array(["cat", "cat"])},
         ["classes: must be different strings (classes,), got <U3 (2,)"]),
        ({"classes": np.array([1, 2, 3])},
         ["classes: must be different strings (classes,), got int64 (3,)"]),
        ({"test_labels": None}, ["test_labels: is required"]),
        ({"train_images": None}, ["train_images: is required"]),
        ({"x_train": arrays()["train_images"]},
         ["x_train: must not stand beside train_images; keep one of them"]),
        ({"val_images": arrays()["train_images"]}, ["val_images: unknown array; known: classes, "]),
        ({"train_labels": np.array([{}] * 15)},
         ["train_labels: must be a whole array without Python objects, got 'Object arrays cannot "
          "be loaded when allow_pickle=False'"]),
        ({"train_images": np.where(np.arange(60).reshape(15, 4) == 9, np.nan, POINTS),
          "test_images": np.full((6, 4), 1e300)},
         ["train_images: must be finite numbers as float32, got others at index 2",
          "test_images: must be finite numbers as float32, got others at index 0, 1, 2, 3, 4 and "
          "1 more"]),
        ({"train_labels": np.arange(14) % 3, "test_labels": np.full(6, 0.5),
          "surprise": np.zeros(1)},
         ["surprise: unknown array; known: classes, ",
          "train_labels: must be as many as train_images, 15, got 14",
          "test_labels: must be whole numbers or strings (N,), got float64 (6,)"]),
    ],
)  # fmt: skip
def test_all_mistakes_are_named_at_once(
    tmp_path: Path, cache: Path, others: dict[str, Any], told: list[str]
) -> None:
    found = complaints(array_file(tmp_path / "pets.npz", changed(**others)))
    assert [line.startswith(start) for line, start in zip(found, told, strict=True)] == [
        True
    ] * len(told), found


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, cache: Path) -> None:
    path = array_file(tmp_path / "pets.npz")
    path.write_bytes(path.read_bytes()[:-9])
    assert complaints(path) == ["must be a .npz file, as numpy.savez writes it"]


def test_any_damage_is_reported_in_sentences(tmp_path: Path, cache: Path) -> None:
    path = array_file(tmp_path / "pets.npz", arrays(train=9, test=3))
    content, generator = path.read_bytes(), np.random.default_rng(0)
    table = content.index(b"PK\x01\x02")  # of contents
    told = list[str]()
    for start in (0, table):
        for _ in range(60):
            damaged = bytearray(content)
            for where in generator.integers(start, len(content), 4):
                damaged[where] = generator.integers(256)
            path.write_bytes(damaged)
            try:
                fetch(own(path))
            except UsageError as error:
                told += str(error).splitlines()
    assert len(told) > 60
    assert all(line.startswith(f"{path}: ") for line in told)


def test_a_header_of_more_than_any_memory_is_refused(tmp_path: Path, cache: Path) -> None:
    path = array_file(tmp_path / "pets.npz", changed(train_images=None))
    header = io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 10**3, 10**3, 3)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("train_images.npy", header.getvalue())
    (told,) = complaints(path)
    assert told.startswith("train_images: must be a whole array without Python objects, got 'Unabl")


def test_an_encrypted_archive_is_refused(tmp_path: Path, cache: Path) -> None:
    path = array_file(tmp_path / "pets.npz")
    with zipfile.ZipFile(path) as file:
        where = file.getinfo("classes.npy").header_offset
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"classes.npy") - 46  # in the archive's table of contents
    for flags in (where + 6, entry + 8):
        content[flags] |= 1
    path.write_bytes(content)
    (told,) = complaints(path)
    assert told.startswith("classes: must be a whole array without Python objects, got ")
    assert "encrypted" in told


def test_image_size_is_refused_for_a_file_of_arrays(tmp_path: Path, cache: Path) -> None:
    path = array_file(tmp_path / "pets.npz")
    assert complaints(path, image_size=8) == [
        "image_size goes with a folder of images; delete it from [data]"
    ]


def test_points_cannot_be_mirrored_or_scaled_as_bytes(tmp_path: Path, cache: Path) -> None:
    points = np.random.default_rng(0).normal(size=(30, 4))
    path = array_file(tmp_path / "pets.npz", {"images": points, "labels": np.arange(30) % 3})
    settings = own(path, train=10, validation=5, preprocessing="unit")
    with pytest.raises(UsageError) as caught:
        require_fitting(settings, describe(settings), mirror=True)
    assert str(caught.value).splitlines() == [
        "training.mirror: must be false for pets, which has no images, got true",
        "data.preprocessing: must not be 'unit' for pets, whose values are not bytes; choose "
        "another",
    ]


@pytest.mark.parametrize(
    ("images", "step"),
    [
        (np.zeros((15, 6, 8)), "store bytes as .astype(numpy.uint8), or points as "
         ".reshape(len(images), -1)"),
        (np.zeros((15, 48), np.uint8), "store images as .reshape(-1, height, width), points as "
         ".astype(numpy.float32)"),
        (np.zeros((15, 48), np.int64), "store points as .astype(numpy.float32)"),
        (np.zeros((15, 6, 8), np.uint16), "scale them to 0 to 255, and store them as "
         ".astype(numpy.uint8)"),
        (np.zeros((15, 3, 6, 8), np.uint8), "store them as .transpose(0, 2, 3, 1)"),
        (np.zeros((15, 6, 8, 4), np.uint8), "lay them on a background, and store them without the "
         "fourth channel"),
        (np.zeros(15), "store points of one input as .reshape(-1, 1)"),
    ],
)  # fmt: skip
def test_examples_of_another_form_are_refused_with_the_way_out(
    tmp_path: Path, cache: Path, images: np.ndarray, step: str
) -> None:
    content = {"images": images, "labels": np.arange(15) % 3}
    assert complaints(array_file(tmp_path / "pets.npz", content)) == [
        f"images: {FORMS} {images.dtype} {images.shape}; {step}"
    ]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.arange(15) % 3 + 1, "labels: must be 0 to 2, since label k has the k-th name of "
         "classes, counted from 0, got 1 to 3; subtract 1"),
        (np.eye(3, dtype=int)[np.arange(15) % 3], "labels: must be whole numbers or strings (N,), "
         "got int64 (15, 3); store one-hot rows as .argmax(axis=1)"),
        (np.full(15, 0.5), "labels: must be whole numbers or strings (N,), got float64 (15,); "
         "store a whole number for each class"),
        (np.array([b"\xff", b"a", b"b"] * 5), "labels: must be whole numbers or strings (N,), got "
         "|S1 (15,); decode them to strings"),
    ],
)  # fmt: skip
def test_labels_of_another_form_are_refused_with_the_way_out(
    tmp_path: Path, cache: Path, labels: np.ndarray, told: str
) -> None:
    content = {"images": POINTS, "labels": labels, "classes": np.array(["cat", "dog", "eel"])}
    assert complaints(array_file(tmp_path / "pets.npz", content)) == [told]


def test_names_that_look_the_same_are_one_class(tmp_path: Path, cache: Path) -> None:
    names = np.array(["caf\u00e9", "cafe\u0301", "th\u00e9"])[np.arange(15) % 3]
    path = array_file(tmp_path / "pets.npz", {"images": POINTS, "labels": names})
    assert describe(own(path)).classes == ("caf\u00e9", "th\u00e9")


@pytest.mark.parametrize(
    ("column", "got"),
    [
        (1.7e9 + np.arange(15) / 4, "1700000000.0 to 1700000003.5"),  # seconds since 1970
        (1.7e9 + 3600.0 * np.arange(15), "1700000000.0 to 1700050400.0"),
        (1e-42 * np.arange(15), "0.0 to 1.4e-41"),
        (np.linspace(-3e38, 3e38, 15), "-3e+38 to 3e+38"),
    ],
)
def test_points_whose_differences_float32_loses_are_refused(
    tmp_path: Path, cache: Path, column: np.ndarray, got: str
) -> None:
    points = np.stack([np.arange(15), column], axis=1)
    path = array_file(tmp_path / "pets.npz", {"images": points, "labels": np.arange(15) % 3})
    assert complaints(path) == [
        f"images: must keep the differences within each column as float32, got {got} in column 1; "
        "subtract the column's mean and divide by its deviation before you store it"
    ]


@pytest.mark.parametrize("column", [np.full(15, 0.1), 1.7e9 + 1e7 * np.arange(15), np.arange(15)])
def test_points_whose_differences_float32_keeps_are_read(
    tmp_path: Path, cache: Path, column: np.ndarray
) -> None:
    path = array_file(
        tmp_path / "pets.npz",
        {"images": column[:, None].astype(float), "labels": np.arange(15) % 3},
    )
    assert describe(own(path)).example_shape == (1,)
