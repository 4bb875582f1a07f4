"""Curves of many trainings in one picture, read back from its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studyhall.search.study.learning_curves import Curve, learning_curves

pytestmark = pytest.mark.usefixtures("drawn")

BLUE, ORANGE = (31, 119, 180), (255, 127, 14)  # the first two colours of the map


def pixels(tmp_path: Path, curves: dict[str, list[Curve]]) -> np.ndarray:
    path = tmp_path / "curves.png"
    learning_curves(path, curves, "validation_accuracy")
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def count(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((picture == color).all(axis=-1).sum())


def test_each_name_has_a_line_of_its_own_colour(tmp_path):
    one = pixels(tmp_path, {"sgd": [{1: 0.1, 2: 0.5}]})
    two = pixels(tmp_path, {"sgd": [{1: 0.1, 2: 0.5}], "adam": [{1: 0.2, 2: 0.6}]})
    assert count(one, BLUE) > 100
    assert count(one, ORANGE) == 0
    assert count(two, BLUE) > 100
    assert count(two, ORANGE) > 100


@pytest.mark.parametrize("apart", [0.0, 0.2])
def test_repetitions_span_a_band(tmp_path, apart):
    curves = {"sgd": [{1: 0.3, 2: 0.5, 3: 0.5}, {1: 0.3 + apart, 2: 0.5 + apart}]}
    picture = pixels(tmp_path, curves).astype(int)
    pale = 0.15 * np.array(BLUE) + 0.85 * 255
    band = np.abs(picture - pale).max(axis=-1) < 3
    assert (band.sum() > 5000) == (apart > 0)
