"""Which figures a study gets by the trials that it has."""

from __future__ import annotations

import pytest

from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.study_figures import write_figures
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
