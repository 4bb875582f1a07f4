"""Small images of first layers: what is cut from the sheets, which are shown, and why none are."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFile

from studyhall.search.reports.first_layers import small_sheet, why_no_layers
from studyhall.search.reports.report_rendering import render_html
from studyhall.search.training.plots import first_layer_tiles
from tests.search.reports.evaluated_study import NOW, evaluated_facts
from tests.search.reports.parsed_page import parsed


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return evaluated_facts(tmp_path_factory.mktemp("told"))


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
def test_a_small_image_is_the_beginning_of_the_sheet(tmp_path, units, shape, size, kind):
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


def test_a_thousand_small_images_fit_into_a_page(tmp_path):
    sheet_of(tmp_path / "sheet.png", 256, (32, 32, 3))  # noise: the largest that there is
    content = small_sheet(tmp_path / "sheet.png", (32, 32, 3))
    assert content is not None
    assert len(content) * 1000 * 4 / 3 < 4e6


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_a_damaged_sheet_has_no_small_image(tmp_path, content):
    path = tmp_path / "sheet.png"
    sheet_of(path, 9, (8, 8, 3))
    path.write_bytes(path.read_bytes()[:200] if content is None else content)
    assert small_sheet(path, (8, 8, 3)) is None
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_first_layers_go_from_the_best_to_the_pruned_with_their_values(facts):
    layers = {1: b"one", 4: b"four", 2: b"two"}
    page = parsed(render_html(facts, NOW, layers=layers))
    tiles = [i for i in page.all("img") if i.get("class") != "image"]
    assert [tile["alt"] for tile in tiles] == [
        *(f"First-layer weights of trial {number}" for number in (1, 4, 2)),
    ]
    for caption in ("1: 0.7000", "4: 0.6000", "2: 0.2000 pruned"):
        assert caption in page.text
    assert "3 of 4 trials that saved weights are shown." in page.text


def test_a_thousand_first_layers_of_large_images_leave_the_page_small(facts, tmp_path):
    shape = (96, 96, 3)
    weight = np.random.default_rng(0).normal(size=(96 * 96 * 3, 9))  # noise: the most there can be
    first_layer_tiles(tmp_path / "sheet.png", weight, shape)
    content = small_sheet(tmp_path / "sheet.png", shape)
    assert content is not None
    many = replace(facts, trials=[replace(facts.trials[0], number=k) for k in range(1000)])
    page = render_html(many, NOW, layers=dict.fromkeys(range(1000), content))
    assert len(parsed(page).all("img")) > 1000
    assert len(page) < 6e6


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((96, 4, 3), None),
        (
            (128, 97, 3),
            "because the examples have 128 by 97 pixels: trials draw first layers if both sides",
        ),
        ((28, 3, 1), "have from 4 to 96."),
        ((2,), "the examples are points, not images"),
        (None, "the data set is not in the cache of this machine; `studyhall data fetch`"),
    ],
)
def test_where_there_are_no_first_layers_the_report_says_why(facts, shape, reason):
    why = why_no_layers(facts, shape)
    assert (why is None) == (reason is None)
    if why and reason:
        found = parsed(render_html(facts, NOW, layers=why))
        assert reason in found.text.partition("First layers")[2]


def test_the_report_says_that_first_layers_are_lost_or_were_never_there(facts):
    lost = parsed(render_html(facts, NOW, layers={}))
    assert (
        "MLflow has no image of the first layer for any of the 4 trials that saved weights."
        in lost.text
    )
    assert "MLflow has none" in str(why_no_layers(replace(facts, tracked=None), (32, 32, 3)))
    failed = [row for row in facts.trials if row.state == "failed"]
    assert why_no_layers(replace(facts, trials=failed), (32, 32, 3)) == "No trial saved weights."
