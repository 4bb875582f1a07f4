"""Answers about the user's own pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studyhall.search.data.images import read_image
from studyhall.search.evaluation.predictions import _prediction


def test_the_label_is_the_classifiers_where_probabilities_round_to_equal():
    prediction = _prediction("one.png", "bird", [0.4, 0.4, 0.2], ("cat", "bird", "dog"))
    assert prediction.label == "bird"
    assert list(prediction.probabilities) == ["bird", "cat", "dog"]


@pytest.mark.parametrize("dark_on_light", [True, False])
def test_digits_come_out_light_on_dark_however_they_were_written(tmp_path, dark_on_light):
    drawn = np.zeros((56, 56), np.uint8)
    drawn[10:46, 24:32] = 255
    Image.fromarray(255 - drawn if dark_on_light else drawn).save(tmp_path / "one.png")
    pixels = read_image(tmp_path / "one.png", (28, 28, 1))
    assert pixels[14, 14] == 255
    assert pixels[0].max() == 0


def test_colours_are_left_as_they_are(tmp_path):
    Image.new("RGB", (40, 40), "white").save(tmp_path / "white.png")
    assert read_image(tmp_path / "white.png", (32, 32, 3)).min() == 255
