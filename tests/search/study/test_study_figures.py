"""Which figures a study gets by the trials that it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.study_figures import Curve, learning_curves, write_figures
from studyhall.search.workers.execution import Job, Workplace
from tests.search.created import record_of
from tests.search.moons import Moons

pytestmark = pytest.mark.usefixtures("drawn")

ALL = {"learning_curves", "history", "importances", "parallel_coordinates", "contour", "slice"}


@pytest.mark.parametrize(("trials", "expected"), [(1, {"learning_curves"}), (2, ALL)])
def test_figures_are_drawn_as_far_as_the_trials_allow(tmp_path, trials, expected):
    spec = Moons(tmp_path).spec(trials=trials)
    study = open_study(open_storage(tmp_path / "journal"), spec, "fingerprint")
    place = Workplace(Job(spec, tmp_path / "journal", tmp_path / "outbox", tmp_path, {}, 5))
    for number in range(trials):
        claimed = place.claim()
        proposed = study.propose(claimed.number, claimed.trial_id).parameters
        record = record_of(claimed, proposed, 0.5 + 0.01 * (number % 7), {1: 0.4, 2: 0.5})
        assert study.finish(record)
    assert {path.stem for path in write_figures(study, tmp_path)} == expected


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
