"""Small pictures of first layers: the first units of the whole sheet, whatever its size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from studyhall.search.reports.gallery import small_sheet
from studyhall.search.training.plots import first_layer_tiles


def sheet_of(path, units: int, shape: tuple[int, int, int], kind: str = "noise"):
    """Draw a layer, and return the sheet as an array."""
    weight = np.random.default_rng(0).normal(size=(int(np.prod(shape)), units))
    if kind == "smooth":  # all but the first units: the first rows take most of the file
        weight[:, 9:] = np.linspace(0, 1, len(weight))[:, None]
    first_layer_tiles(path, weight, shape)
    with Image.open(path) as sheet:
        return np.asarray(sheet.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("units", "shape", "size"),
    [
        (256, (32, 32, 3), (99, 99)),
        (200, (28, 28, 1), (87, 87)),
        (9, (32, 32, 3), (99, 99)),
        (4, (32, 32, 3), (66, 66)),
        (3, (8, 6, 3), (14, 18)),
        (1, (8, 6, 3), (7, 9)),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["noise", "smooth"])
def test_it_is_the_beginning_of_the_sheet(tmp_path, units, shape, size, kind):
    whole = sheet_of(tmp_path / "sheet.png", units, shape, kind)
    content = small_sheet(tmp_path / "sheet.png", shape)
    assert content is not None
    with Image.open(io.BytesIO(content)) as small:
        assert small.format == "JPEG"
        assert small.size == size
        found = np.asarray(small.convert("RGB")).astype(int)
    # JPEG changes each dot, least in grey; a part that was not decoded would be black.
    difference = np.abs(found - whole[: size[1], : size[0]])
    assert difference.mean() < 40
    assert found[-1].mean() > 150  # the white line below the tiles


def test_a_thousand_fit_into_a_page(tmp_path):
    sheet_of(tmp_path / "sheet.png", 256, (32, 32, 3))  # noise: the largest that there is
    content = small_sheet(tmp_path / "sheet.png", (32, 32, 3))
    assert content is not None
    assert len(content) * 1000 * 4 / 3 < 4e6


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_a_damaged_sheet_has_none(tmp_path, content):
    path = tmp_path / "sheet.png"
    sheet_of(path, 9, (8, 8, 3))
    path.write_bytes(path.read_bytes()[:200] if content is None else content)
    assert small_sheet(path, (8, 8, 3)) is None
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
