"""What a report shows of first layers: small pictures of them, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping

from studyhall.search.reports.report_parts import Cell, Gallery, Picture, Section, Words, trial_link
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.trial_result import TrialResult, best_first
from studyhall.search.training.plots import TILE_SIDES, fits_tiles


def no_layers(facts: StudyFacts, example_shape: tuple[int, ...] | None) -> str | None:
    """Why there can be no pictures of first layers, in a sentence; None if there can be.

    Args:
        facts: The study.
        example_shape: The shape of its examples; None if that is not known.
    """
    if not _begun(facts):
        return "No trial left weights."
    if facts.tracked is None:
        return "They are not shown: they are kept with the trials' runs, and MLflow has none."
    if example_shape is None:
        return (
            "They are not shown: the size of the data's pictures is not known, as the data are not "
            "in the cache of this machine; `studyhall data fetch` with the study file puts them "
            "there."
        )
    if len(example_shape) != 3:
        return "There are no pictures of them, as the examples are points, not pictures."
    if not fits_tiles(example_shape):
        height, width = example_shape[:2]
        least, most = TILE_SIDES[0], TILE_SIDES[-1]
        return (
            f"There are no pictures of them, as the examples have {height} by {width} pixels: "
            f"trials draw them where both sides have from {least} to {most}."
        )
    return None


def gallery_section(facts: StudyFacts, layers: Mapping[int, bytes] | str) -> Section:
    """The first layers of trials, the best first.

    Args:
        facts: The study.
        layers: JPEG files by number, or why there are none.
    """
    begun = _begun(facts)
    if not layers:
        layers = f"None of the {begun} trials that left weights has a picture of them in MLflow."
    if isinstance(layers, str):
        return Section("gallery", "First layers", [Words(layers)])
    ranked = [row for row in best_first(list(facts.trials), facts.spec) if row.number in layers]
    tiles = [(_tile(row, layers[row.number]), _caption(facts, row)) for row in ranked]
    words = (
        "What the first hidden units of each trial look for: their weights as images, each from "
        "its lowest (dark) to its highest. Below are the trial's number and its value; the best is "
        "first, pruned ones follow. Whole layers are with the trials' runs, as first_layer.png."
    )
    if len(tiles) < begun:
        words += f" {len(tiles)} of {begun} trials that left weights are shown."
    return Section("gallery", "First layers", [Words(words), Gallery(tiles)])


def _begun(facts: StudyFacts) -> int:
    return sum(row.weights_sha256 is not None for row in facts.trials)


def _tile(row: TrialResult, content: bytes) -> Picture:
    return Picture(content, "jpeg", f"First-layer weights of trial {row.number}")


def _caption(facts: StudyFacts, row: TrialResult) -> Cell:
    value = "" if row.value is None else f" {row.value:.4f}"
    state = "" if row.state == "complete" else f" {row.state}"
    return trial_link(facts, row.number, f"{row.number}:{value}{state}")
