"""`studyhall stop`: which launches hear it, at every stage of a study."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import studyhall.search.runner.launcher
from studyhall import StudySummary, UsageError, launch
from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.runner.interrupts import Terminated
from studyhall.search.runner.stopping import stop
from studyhall.search.study.observer import Observer
from studyhall.search.study.trial_result import TrialResult
from tests.search.moons import Moons
from tests.waiting import wait_for

FINALISTS = {"configurations": 2, "seeds": 2}


class Listening(Observer):
    """Acts when a trial of a study, or of its finalists, ends."""

    def __init__(self, study: str, number: int, act: Callable[[], object]) -> None:
        self._wanted, self._act = (study, number), act
        self._study = ""

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        self._study = spec.study.name

    def trial(self, result: TrialResult) -> None:
        if (self._study, result.number) == self._wanted:
            self._act()


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Moons:
    monkeypatch.chdir(tmp_path)
    return Moons(tmp_path)


def stopped_at(moons: Moons, study: str, number: int) -> StudySummary:
    """Launch with finalists, and ask for the end when a trial of `study` has ended."""
    listening = Listening(study, number, lambda: stop("moons", moons.options()))
    return launch(moons.spec(FINALISTS), moons.options(), listening)


def test_a_wish_from_before_a_launch_is_not_its_own(moons):
    moons.launch(study={"trials": 1})
    stop("moons", moons.options())
    assert moons.launch(study={"trials": 2}).complete == 2


def test_a_wish_that_came_while_the_launch_was_on_its_way_to_a_host_is_heard(moons):
    moons.launch(study={"trials": 1})
    stop("moons", moons.options())
    summary = moons.launch(study={"trials": 2}, stops=0)  # what was known when it was submitted
    assert summary.interrupted
    assert summary.finished == 1


def test_a_wish_that_came_while_the_launch_checked_its_study_is_heard(moons, monkeypatch):
    moons.launch(study={"trials": 1})
    fetch = studyhall.search.runner.launcher.fetch

    def asked_meanwhile(*arguments, **options):
        stop("moons", moons.options())
        return fetch(*arguments, **options)

    monkeypatch.setattr("studyhall.search.runner.launcher.fetch", asked_meanwhile)
    summary = moons.launch(study={"trials": 2})
    assert summary.interrupted
    assert summary.finished == 1


def test_a_trial_in_this_process_is_ended_at_once(moons):
    endless = moons.spec(trials=2)
    endless = endless.model_copy(update={"training": endless.training | {"epochs": 10**6}})

    def ask() -> None:
        wait_for(lambda: moons.at_work)
        stop("moons", moons.options(), at_once=True)

    asking = threading.Thread(target=ask)
    asking.start()
    with pytest.raises(Terminated):
        moons.run(endless)
    asking.join()
    assert not moons.at_work


def test_no_finalist_is_trained_after_a_wish_that_came_with_the_last_trial(moons):
    stopped_at(moons, "moons", 5)
    assert moons.summary().finished == 6
    with pytest.raises(UsageError, match="No study named"):
        moons.summary("moons.finalists")
    moons.launch(FINALISTS)
    assert moons.summary("moons.finalists").finished == 4


def test_the_finalists_heed_who_stops_their_search(moons):
    stopped_at(moons, "moons.finalists", 1)
    assert moons.summary("moons.finalists").finished == 2
    moons.launch(FINALISTS)
    assert moons.summary("moons.finalists").finished == 4


def test_finalists_are_stopped_by_the_name_of_their_search(moons):
    moons.launch(FINALISTS)
    with pytest.raises(UsageError, match="name the search"):
        stop("moons.finalists", moons.options())


def test_what_is_not_there_cannot_be_stopped(moons):
    moons.launch(study={"trials": 1})
    with pytest.raises(UsageError, match="Did you mean 'moons'"):
        stop("moon", Options(**moons.places))
