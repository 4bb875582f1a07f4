"""Pictures of data and of decisions: what is drawn where, in grey as in colour."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from studyhall.search.training.plots import (
    confusion_picture,
    decision_boundary,
    first_layer_tiles,
    fits_tiles,
    titled_images,
)

pytestmark = pytest.mark.usefixtures("drawn")

CLASSES = ("dark", "light")


def pixels(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_first_layer_tiles_are_grey_or_in_colour_as_the_images_are(
    tmp_path: Path, channels: int, mode: str
) -> None:
    weight = np.random.default_rng(0).standard_normal((6 * 5 * channels, 7)).astype(np.float32)
    first_layer_tiles(tmp_path / "tiles.png", weight, (6, 5, channels))
    with Image.open(tmp_path / "tiles.png") as picture:
        assert picture.mode == mode
        assert picture.size == (3 * (5 + 1), 3 * (6 + 1))
    sheet = pixels(tmp_path / "tiles.png").reshape(3, 7, 3, 6, channels)
    assert sheet[:, 6].min() == sheet[:, :, :, 5].min() == 255
    second_row = sheet[1, :6, 0, :5].astype(float)
    unit = weight[:, 3].reshape(6, 5, channels)
    np.testing.assert_allclose(
        second_row / 255, (unit - unit.min()) / (unit.max() - unit.min()), atol=1 / 255
    )


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((28, 28, 1), True),
        ((96, 4, 3), True),
        ((97, 28, 3), False),
        ((28, 3, 1), False),
        ((2,), False),
    ],
)
def test_tiles_are_for_images_of_a_size_that_can_be_seen(
    shape: tuple[int, ...], fits: bool
) -> None:
    assert fits_tiles(shape) == fits


def test_large_samples_are_thinned_to_what_the_page_shows(tmp_path: Path) -> None:
    images = np.zeros((1, 1000, 2000, 3), np.uint8)
    images[:, ::13, ::13] = 255  # of every 13 pixels the first is seen
    titled_images(tmp_path / "samples.png", images, CLASSES[:1])
    sheet = np.asarray(Image.open(tmp_path / "samples.png").convert("L"))
    assert (sheet < 128).mean() < 0.01


def test_of_a_wide_layer_the_first_units_alone_are_drawn(tmp_path: Path) -> None:
    first_layer_tiles(tmp_path / "tiles.png", np.eye(4, 1000), (2, 2, 1))
    assert pixels(tmp_path / "tiles.png").shape == (16 * 3, 16 * 3)


def levels(sheet: NDArray[Any]) -> set[int]:
    """The grey levels that fill an image's cell, rather than border on letters."""
    grey = sheet[(sheet[..., :3] == sheet[..., :1]).all(axis=-1)][:, 0]
    counts = np.bincount(grey, minlength=256)
    return {int(level) for level in np.flatnonzero(counts > 1000)} - {255}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 4, 25, 30])
def test_samples_show_the_first_images_as_they_are(
    tmp_path: Path, channels: int, count: int
) -> None:
    shades = 5 * np.arange(count)
    images = np.tile(shades[:, None, None, None], (1, 8, 8, channels)).astype(np.uint8)
    titled_images(tmp_path / "samples.png", images, [CLASSES[n % 2] for n in range(count)])
    assert levels(pixels(tmp_path / "samples.png")) == set(shades[:25].tolist())


def test_samples_in_colour_keep_their_colour(tmp_path: Path) -> None:
    images = np.tile(np.array([200, 100, 50], np.uint8), (1, 8, 8, 1))
    titled_images(tmp_path / "samples.png", images, CLASSES[:1])
    sheet = pixels(tmp_path / "samples.png")[..., :3]
    assert (sheet == [200, 100, 50]).all(axis=-1).sum() > 1000


def test_samples_bear_the_names_of_their_classes(tmp_path: Path) -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    sheets = []
    for labels in ([0, 1], [0, 1], [1, 0]):
        titled_images(tmp_path / "samples.png", images, [CLASSES[label] for label in labels])
        sheets.append(pixels(tmp_path / "samples.png"))
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


class Side:
    """Finds class 1 right of a line, and remembers what it was asked."""

    def __init__(self, border: float) -> None:
        self.border = border
        self.asked = np.empty((0, 2), np.float32)

    def __call__(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        self.asked = points
        second = (points[:, 0] > self.border).astype(np.float32) * np.float32(1.0000001)
        return np.stack([1 - second, second], axis=1)


def colors(sheet: NDArray[Any]) -> tuple[int, int]:
    """How many pixels are rather blue, and how many rather red, left of the colour bar."""
    inside = sheet[:, :395, :3].astype(int)
    difference = inside[..., 0] - inside[..., 2]
    return int((difference < -50).sum()), int((difference > 50).sum())


POINTS = np.array([[-1, -2], [1, 2], [0, 0], [0.5, -1]], np.float32)
LABELS = np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("border", "share"), [(-5, 0), (-0.6, 0.25), (0, 0.5), (0.6, 0.75), (5, 1)]
)
def test_the_plane_is_filled_by_the_probability_of_class_1(
    tmp_path: Path, border: float, share: float
) -> None:
    decision_boundary(tmp_path / "plane.png", Side(border), POINTS, LABELS)
    blue, red = colors(pixels(tmp_path / "plane.png"))
    assert blue + red > 50_000
    assert blue / (blue + red) == pytest.approx(share, abs=0.08)


def test_the_classifier_is_asked_all_around_the_points(tmp_path: Path) -> None:
    side = Side(0)
    decision_boundary(tmp_path / "plane.png", side, POINTS, LABELS)
    assert side.asked.dtype == np.float32
    assert side.asked.shape == (200 * 200, 2)
    np.testing.assert_allclose(side.asked.min(axis=0), [-1.2, -2.4], rtol=1e-6)
    np.testing.assert_allclose(side.asked.max(axis=0), [1.2, 2.4], rtol=1e-6)


def test_the_points_are_drawn_on_top(tmp_path: Path) -> None:
    few, many = tmp_path / "few.png", tmp_path / "many.png"
    decision_boundary(few, Side(5), POINTS[[0, 1]], LABELS[[0, 1]])
    decision_boundary(many, Side(5), POINTS, LABELS)
    changed = (pixels(few) != pixels(many)).any(axis=-1)
    assert 50 < changed.sum() < 1000


@pytest.mark.parametrize("label", [0, 1])
def test_a_single_point_has_a_plane_around_it(tmp_path: Path, label: int) -> None:
    decision_boundary(tmp_path / "plane.png", Side(0), np.zeros((1, 2)), np.array([label]))
    blue, red = colors(pixels(tmp_path / "plane.png"))
    assert blue / (blue + red) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("classes", "count", "told"),
    [(10, 7, True), (20, 7, True), (20, 12345, False), (60, 7, False)],
)
def test_a_confusion_picture_has_counts_where_they_fit_and_room_for_each_name(
    tmp_path: Path, classes: int, count: int, told: bool
) -> None:
    path, names = tmp_path / "confusion.png", [f"class {number}" for number in range(classes)]
    confusion_picture(path, np.full((classes, classes), count), names)
    drawn = pixels(path)
    assert min(drawn.shape[:2]) >= 11 * classes
    height, width = drawn.shape[:2]
    inner = drawn[height // 4 : height // 2, width // 3 : width * 2 // 3, :3]
    assert (len(np.unique(inner.reshape(-1, 3), axis=0)) > 1) == told


NAMES = ("price_$10_$20", "$x^$", r"\frac{", "漢字", "🐈", "two\nlines", "<b>&amp;", "a" * 300)


@pytest.mark.filterwarnings("error")
def test_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    images = np.zeros((len(NAMES), 8, 8, 3), np.uint8)
    titled_images(tmp_path / "samples.png", images, NAMES)
    confusion_picture(tmp_path / "confusion.png", np.eye(len(NAMES), dtype=np.int64), NAMES)
    assert pixels(tmp_path / "samples.png").size
    assert pixels(tmp_path / "confusion.png").size


def test_a_picture_that_cannot_be_drawn_is_left_out_with_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "no_boundary.png"
    for _ in range(2):
        decision_boundary(path, Side(0), POINTS[:0], LABELS[:0])
    assert not path.exists()
    (said,) = caplog.messages
    assert said.startswith("no_boundary.png is left out, because it cannot be drawn (")


def test_a_full_disk_is_not_taken_for_a_fault_of_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(OSError, match="No space left"):
        confusion_picture(tmp_path / "confusion.png", np.eye(2, dtype=np.int64), CLASSES)
