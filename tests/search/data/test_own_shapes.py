"""A hundred shapes of data of the user's own: what is decoded equals what the files hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.dataset_manifest import read_manifest
from studyhall.search.data.datasets import fetch, open_dataset, open_test
from studyhall.search.data.images import read_image
from tests.search.data.encodings import ENCODINGS
from tests.search.data.own_sets import own, random_pixels

CLASSES = ("café", "t-shirt, top")
# By the name of an example: its class and its values.
Truth = dict[str, tuple[str, np.ndarray]]


def decoded(settings: DataSettings) -> Truth:
    folder = fetch(settings)
    dataset, test = open_dataset(settings, folder), open_test(settings, folder)
    manifest = read_manifest(folder)
    assert manifest is not None
    parts = {"train": (dataset.train_examples, dataset.train_labels), "test": test[:2]}
    return {
        name: (dataset.info.classes[label], values)
        for part, (examples, labels) in parts.items()
        for name, values, label in zip(manifest.files[part], examples, labels, strict=True)
    }


def require_equal(found: Truth, truth: Truth, apart: int = 0) -> None:
    """Require the same examples, each of the same class, shape and values."""
    assert found.keys() == truth.keys()
    for name, (class_name, values) in truth.items():
        assert found[name][0] == class_name, name
        assert found[name][1].shape == values.shape, name
        differences = np.abs(found[name][1].astype(np.float64) - values)
        assert differences.max() <= apart, name


def _composed(part: str, name: str) -> str:
    return name


def _as_on_macos(part: str, name: str) -> str:
    return unicodedata.normalize("NFD", name) if part == "test" else name


def _left_by_others(place: Path) -> None:
    for folder in (place, *(path for path in place.rglob("*") if path.is_dir())):
        for name in (".DS_Store", "thumbs.db", "Thumbs.db", "Desktop.ini", "Icon\r", "._0.png"):
            (folder / name).write_bytes(b"x")
    for name in ("__MACOSX", "@eaDir", ".git"):
        (place / name / CLASSES[0]).mkdir(parents=True)
        (place / name / CLASSES[0] / "0.png").write_bytes(b"x")


# The folders of the parts, how a class is written in each, and what other programs leave there.
LAYOUTS: dict[str, tuple[tuple[str, ...], Callable[..., str], Callable[[Path], object]]] = {
    "classes": (("",), _composed, lambda place: None),
    "parts": (("train", "test"), _composed, lambda place: None),
    "capitals": (("Train", "Test"), _composed, _left_by_others),
    "others": (("TRAINING", "testing"), _as_on_macos, lambda place: None),
    "left behind": (("",), _composed, _left_by_others),
}
FOLDERS = [
    pytest.param(name, list(LAYOUTS)[(place + more) % len(LAYOUTS)], id=f"{name}-{more}")
    for place, name in enumerate(ENCODINGS)
    for more in range(2)
]


def write_folder(place: Path, name: str, layout: str) -> Truth:
    """Write four images of each class in each part, and return what must be read."""
    generator = np.random.default_rng(3)
    parts, written, leave = LAYOUTS[layout]
    truth: Truth = {}
    for part in parts:
        for class_name in CLASSES:
            folder = Path(part) / written(part.lower()[:4], class_name)
            (place / folder).mkdir(parents=True)
            for number in range(4):
                encoded, pixels = ENCODINGS[name](generator)
                path = folder / f"{number} {name}"
                (place / path).write_bytes(encoded)
                truth[path.as_posix()] = (class_name, pixels)
    leave(place)
    return truth


@pytest.mark.parametrize(("name", "layout"), FOLDERS)
def test_images_are_read_as_they_are_seen(
    tmp_path: Path, cache: Path, name: str, layout: str
) -> None:
    truth = write_folder(tmp_path / "pets", name, layout)
    found = decoded(own(tmp_path / "pets"))
    channels = next(iter(found.values()))[1].shape[-1]
    for path, (class_name, pixels) in truth.items():
        grey = pixels[..., None] if pixels.ndim == 2 else pixels
        truth[path] = (class_name, np.repeat(grey, channels, 2) if grey.shape[2] == 1 else grey)
    # Pillow's composition of half transparent pixels rounds otherwise than NumPy's.
    require_equal(found, truth, apart=1 if "rgba" in name or "la." in name or "all" in name else 0)
    for path, (_, pixels) in found.items():
        classified = read_image(tmp_path / "pets" / path, pixels.shape, light_on_dark=False)
        np.testing.assert_array_equal(classified, pixels)


POINTS = np.random.default_rng(5).normal(size=(12, 4)).round(2)
PIXELS = random_pixels(np.random.default_rng(6), 12, 6, 8, 3)
NUMBERS = np.arange(12) % 3
NAMES = np.array(["cat", "dog", "eel"])
EXAMPLES: Mapping[str, np.ndarray] = {
    "float16": POINTS.astype(np.float16),
    "float32": POINTS.astype(np.float32),
    "float64": POINTS,
    "big-endian float32": POINTS.astype(">f4"),
    "big-endian float64": POINTS.astype(">f8"),
    "columns first": np.asfortranarray(POINTS),
    "one input": POINTS[:, :1],
    "strided": np.repeat(POINTS, 2, axis=0)[::2],
    "colours": PIXELS,
    "one channel": PIXELS[..., :1],
    "no channels": PIXELS[..., 0],
    "channels apart": np.asfortranarray(PIXELS),
    "one pixel": PIXELS[:, :1, :1],
}
LABELS: Mapping[str, np.ndarray] = {
    **{kind: NUMBERS.astype(kind) for kind in ("u1", "i1", "u2", ">i2", "i4", ">i8", "u8", "f4")},
    "from 1": NUMBERS + 1,
    "negative": NUMBERS - 1,
    "far apart": 10**12 * NUMBERS,
    "column": NUMBERS[:, None],
    "booleans": NUMBERS > 0,
    "strings": NAMES[NUMBERS],
    "big-endian strings": NAMES[NUMBERS].astype(">U9"),
    "bytes": NAMES[NUMBERS].astype("S"),
    "UTF-8": np.array([name.encode() for name in ("café", "日本", "ünï")])[NUMBERS],
}
SPELLINGS = (
    ("images", "labels", "", ""),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
FILES = [
    *(pytest.param(kind, "u1", SPELLINGS[n % 3], id=kind) for n, kind in enumerate(EXAMPLES)),
    *(pytest.param("float32", kind, SPELLINGS[n % 3], id=kind) for n, kind in enumerate(LABELS)),
    *(pytest.param("colours", kind, SPELLINGS[n % 2], id=f"{kind} of images")
      for n, kind in enumerate(LABELS)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "labels", "spelling"), FILES)
def test_arrays_are_read_as_they_are(
    tmp_path: Path, cache: Path, kind: str, labels: str, spelling: tuple[str, ...]
) -> None:
    examples, given = EXAMPLES[kind], LABELS[labels]
    train, train_labels, test, test_labels = spelling
    arrays = {train: examples, train_labels: given}
    if test:
        arrays |= {test: examples[::-1], test_labels: given[::-1]}
    save: Callable[..., None] = np.savez_compressed if test else np.savez
    save(tmp_path / "pets.npz", **arrays)
    truth: Truth = {}
    for name, of_part in ((train, given), *(((test, given[::-1]),) if test else ())):
        for index, value in enumerate(of_part.ravel().tolist()):
            text = value.decode() if isinstance(value, bytes) else value
            text = int(text) if isinstance(text, float) else text
            values = arrays[name][index].astype(float)
            pixels = values[..., None] if values.ndim == 2 else values
            truth[f"{name}[{index}]"] = (str(text), pixels)
    found = decoded(own(tmp_path / "pets.npz"))
    require_equal(found, {n: (c, v.astype(np.float32)) for n, (c, v) in truth.items()})


def test_there_are_a_hundred_shapes() -> None:
    assert len(FOLDERS) + len(FILES) >= 100
