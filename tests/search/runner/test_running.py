"""What a launch tells its observer of the trials that run, and which files it leaves."""

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


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.long), 2])
def test_an_observer_is_told_how_many_trials_are_really_at_work(tmp_path, monkeypatch, jobs):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("studyhall.search.runner.runner.INTERVALS", replace(INTERVALS, listen=0.0))
    moons, told = Moons(tmp_path), Told()
    spec = moons.spec(trials=6, window=6)
    slow = spec.model_copy(update={"training": spec.training | {"epochs": 400}})
    moons.run(slow, observer=told, jobs=jobs)
    assert max(told.numbers) == jobs


def test_a_launch_leaves_the_journal_mlflow_s_files_and_one_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Moons(tmp_path).launch(study={"trials": 1})
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".studyhall", "mlflow.db", "mlruns", "studyhall.journal"]


def test_a_journal_elsewhere_has_its_locks_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "elsewhere"
    Moons(tmp_path).launch(study={"trials": 1}, storage=folder / "trials.journal")
    assert sorted(path.name for path in folder.iterdir()) == [".studyhall", "trials.journal"]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".studyhall", "elsewhere", "mlflow.db", "mlruns"]  # a lock beside the database
