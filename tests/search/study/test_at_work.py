"""Who is said to be at a trial, by someone who looks once and from elsewhere."""

from __future__ import annotations

import time

import pytest

from studyhall.search.common.intervals import Intervals
from studyhall.search.common.owner import new_owner
from studyhall.search.study.claim import CLAIM
from studyhall.search.study.storage import open_storage
from tests.search.moons import Moons


def at_work(moons: Moons, owner: str, age: float) -> dict[int, str]:
    """What is said when trial 1 has an owner who said its last word so many seconds ago."""
    moons.launch(study={"trials": 1})
    storage = open_storage(moons.storage)
    trial_id = storage.create_new_trial(storage.get_study_id_from_name("moons"))
    claim = {"owner": owner, "attempt": 1, "last_beat_at": time.time() - age}
    storage.set_trial_user_attr(trial_id, CLAIM, claim)
    return moons.summary().at_work


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Moons:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("studyhall.search.study.study.INTERVALS", Intervals())  # not those of tests
    return Moons(tmp_path)


@pytest.mark.parametrize(("age", "said"), [(70.0, {1: "afar"}), (90.0, {})])
def test_a_machine_elsewhere_is_named_until_its_last_word_is_too_old(moons, age, said):
    assert at_work(moons, "afar:another-boot:7:7:name", age) == said


def test_a_process_here_is_at_work_as_long_as_it_lives(moons):
    assert list(at_work(moons, new_owner(), 1e6)) == [1]


def test_what_was_given_back_has_no_one(moons):
    assert at_work(moons, "", 0.0) == {}
