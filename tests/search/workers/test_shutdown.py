"""A launch that is ended at once: what it leaves in MLflow, at its worst moments."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from studyhall import launch
from studyhall.search.runner.interrupts import Terminated
from studyhall.search.study.observer import Observer
from studyhall.search.study.study import Study
from studyhall.search.sync.live_points import LivePoints
from tests.search.moons import Moons
from tests.waiting import wait_for


class Told(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Moons:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "studyhall.search.workers.execution.LivePoints", partial(LivePoints, seconds=0.0)
    )
    return Moons(tmp_path)


def statuses(moons: Moons) -> list[str]:
    return [run.info.status for kind in ("study", "trial") for run in moons.runs(kind)]


def launch_ended_before_its_second_result(moons: Moons, observer: Told, monkeypatch) -> None:
    """Launch, and end it when trial 1 is recorded, seen in MLflow, and not entered in the study."""
    finish = Study.finish

    def end(self: Study, record) -> bool:
        if record.number == 0:
            return finish(self, record)
        monkeypatch.setattr(Study, "finish", finish)
        wait_for(lambda: sorted(statuses(moons)) == ["FINISHED", "RUNNING", "RUNNING"])
        raise Terminated(signal.SIGTERM)

    monkeypatch.setattr(Study, "finish", end)
    with pytest.raises(Terminated):
        launch(moons.spec(), moons.options(), observer)


def test_a_trial_that_was_recorded_and_not_entered_is_kept(moons, monkeypatch):
    told = Told()
    launch_ended_before_its_second_result(moons, told, monkeypatch)
    assert statuses(moons) == ["KILLED", "FINISHED", "FINISHED"]
    assert not [note for note in told.notes if "in time" in note]
    assert moons.launch().complete == 6
    assert statuses(moons) == ["FINISHED"] * 7


def test_a_launch_says_that_mlflow_was_too_slow_for_its_end(moons, monkeypatch):
    told = Told()
    monkeypatch.setattr("studyhall.search.workers.shutdown._SECONDS", 0.0)
    launch_ended_before_its_second_result(moons, told, monkeypatch)
    assert [note for note in told.notes if "the next launch does that" in note]
    assert moons.launch().complete == 6
    assert statuses(moons) == ["FINISHED"] * 7
