"""Pictures of the user's own: colour or grey as the images are, and refused for points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studyhall.search.common.errors import UsageError
from studyhall.search.data.images import read_picture


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1"])
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1)])
def test_a_picture_of_any_kind_takes_the_shape_of_the_images(
    tmp_path: Path, mode: str, shape: tuple[int, ...]
) -> None:
    Image.new("RGB", (60, 40), "white").convert(mode).save(tmp_path / "picture.png")
    picture = read_picture(tmp_path / "picture.png", shape)
    assert picture.shape == shape
    assert picture.dtype == np.uint8
    paper = 255 if shape[2] == 3 else 0  # grey pictures are made light on dark
    assert (picture == paper).all()


def test_a_coloured_picture_becomes_grey_by_its_brightness(tmp_path: Path) -> None:
    Image.new("RGB", (28, 28), (255, 0, 0)).save(tmp_path / "red.png")
    assert np.unique(read_picture(tmp_path / "red.png", (28, 28, 1))).tolist() == [76]
    assert read_picture(tmp_path / "red.png", (28, 28, 3))[0, 0].tolist() == [255, 0, 0]


def test_a_grey_picture_of_the_right_size_stays_as_it_is(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png", (28, 28, 1))[..., 0], grey)


def test_a_study_of_points_takes_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(UsageError) as caught:
        read_picture(path, (2,))
    assert str(caught.value) == (
        f"{path}: must be classified by a study of images, but this study's data are points, "
        "not pictures; name another study"
    )
