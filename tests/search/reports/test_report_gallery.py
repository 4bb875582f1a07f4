"""The pictures and figures of a report, and how large they may be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from studyhall.search.reports.gallery import small_sheet
from studyhall.search.reports.report_gallery import no_layers
from studyhall.search.reports.report_page import render_page
from studyhall.search.reports.report_sections import report_sections
from studyhall.search.study.report_figures import Figure, curve_figure
from studyhall.search.training.plots import first_layer_tiles
from tests.search.reports.judged import NOW, judged_facts
from tests.search.reports.told_page import parsed


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return judged_facts(tmp_path_factory.mktemp("told"))


def test_first_layers_go_from_the_best_to_the_pruned_with_their_values(facts):
    layers = {1: b"one", 4: b"four", 2: b"two"}
    page = parsed(render_page("s", report_sections(facts, (), layers), NOW))
    tiles = [i for i in page.all("img") if i.get("class") != "picture"]
    assert [tile["alt"] for tile in tiles] == [
        *(f"First-layer weights of trial {number}" for number in (1, 4, 2)),
    ]
    for caption in ("1: 0.7000", "4: 0.6000", "2: 0.2000 pruned"):
        assert caption in page.text
    assert "3 of 4 trials that left weights are shown." in page.text


def test_a_thousand_first_layers_of_large_pictures_leave_the_page_small(facts, tmp_path):
    shape = (96, 96, 3)
    weight = np.random.default_rng(0).normal(size=(96 * 96 * 3, 9))  # noise: the most there can be
    first_layer_tiles(tmp_path / "sheet.png", weight, shape)
    content = small_sheet(tmp_path / "sheet.png", shape)
    assert content is not None
    many = replace(facts, trials=[replace(facts.trials[0], number=k) for k in range(1000)])
    page = render_page("s", report_sections(many, (), dict.fromkeys(range(1000), content)), NOW)
    assert len(parsed(page).all("img")) > 1000
    assert len(page) < 6e6


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((96, 4, 3), None),
        ((128, 97, 3), "as the examples have 128 by 97 pixels: trials draw them where both sides"),
        ((28, 3, 1), "have from 4 to 96."),
        ((2,), "the examples are points, not pictures"),
        (None, "the data are not in the cache of this machine; `studyhall data fetch`"),
    ],
)
def test_where_there_are_no_first_layers_the_report_says_why(facts, shape, reason):
    why = no_layers(facts, shape)
    assert (why is None) == (reason is None)
    if why and reason:
        found = parsed(render_page("s", report_sections(facts, (), why), NOW))
        assert reason in found.text.partition("First layers")[2]


def test_first_layers_that_were_lost_or_never_there_are_told(facts):
    lost = parsed(render_page("s", report_sections(facts, (), {}), NOW))
    assert "None of the 4 trials that left weights has a picture of them in MLflow." in lost.text
    assert "MLflow has none" in str(no_layers(replace(facts, tracked=None), (32, 32, 3)))
    failed = [row for row in facts.trials if row.state == "failed"]
    assert no_layers(replace(facts, trials=failed), (32, 32, 3)) == "No trial left weights."


def test_a_thousand_long_pruned_curves_leave_the_page_small(facts):
    (pruned,) = [row for row in facts.trials if row.state == "pruned"]
    curve = {epoch: 1 / (epoch + 7) for epoch in range(1, 101)}
    rows = [replace(pruned, number=number, curve=curve) for number in range(1000)]
    figure = curve_figure(rows, facts.spec)
    assert figure is not None
    assert len(figure.plotly) < 5e5
    assert figure.description.endswith("of which one epoch in 5 is shown, and the last.")
    (trace,) = json.loads(figure.plotly)["data"]
    assert trace["x"][:3] == [5, 10, 15]
    assert trace["x"][19:21] == [100, None]
    assert trace["text"][20:22] == [0, 1]


def test_nothing_in_a_figure_ends_its_script(facts):
    text = "</script><!-- & <script>"
    figure = Figure("slice", "Slice", "<b>", json.dumps({"data": [text]}))
    found = parsed(render_page("s", report_sections(facts, [figure]), NOW))
    assert found.figures["figure-slice"] == {"data": [text]}
    assert len(found.all("script")) == 3
