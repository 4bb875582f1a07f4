"""How many trials run, as a launch tells its observer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.study.observer import Observer
from tests.search.moons import Moons


class Told(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def running(self, trials: int) -> None:
        self.numbers.append(trials)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_observer_is_told_how_many_trials_are_really_at_work(tmp_path, monkeypatch, jobs):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("studyhall.search.runner.runner.INTERVALS", replace(INTERVALS, listen=0.0))
    moons, told = Moons(tmp_path), Told()
    spec = moons.spec(trials=6, window=6)
    slow = spec.model_copy(update={"training": spec.training | {"epochs": 400}})
    moons.run(slow, observer=told, jobs=jobs)
    assert max(told.numbers) == jobs
