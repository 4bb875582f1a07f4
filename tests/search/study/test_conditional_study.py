"""Studies over conditional parameters: what is proposed, that it repeats, and the figures."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from studyhall.search.config.search_space import holds
from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.study import Study
from studyhall.search.workers.local_pool import run_workers
from studyhall.search.workers.pool import Action
from tests.search.created import created, record_of

SPACE = {
    "optimizer": {"type": "categorical", "choices": ["sgd", "momentum", "nesterov"]},
    "momentum": {
        "type": "float",
        "low": 0.1,
        "high": 0.9,
        "when": {"optimizer": ["momentum", "nesterov"]},
    },
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "l2": {"type": "float", "low": 1e-4, "high": 1.0, "log": True, "when": {"optimizer": "sgd"}},
}
ENQUEUED = [
    {"optimizer": "sgd", "l2": 0.5},
    {"optimizer": "momentum", "momentum": 0.25, "learning_rate": 0.5},
    {"l2": 0.25, "momentum": 0.75},  # at most one of the two is active
]


def spec_of(space: dict[str, object] = SPACE, **study: object) -> StudySpec:
    return StudySpec.model_validate(
        {
            "study": {"name": "s", "trials": 24, "window": 4, "seed": 3, **study},
            "data": {"name": "cifar10", "train": 100, "validation": 10},
            "network": {"hidden": [4]},
            "training": {"epochs": 3, "learning_rate": 0.1},
            "search_space": space,
            "enqueue": ENQUEUED if space is SPACE else [],
        }
    )


def study_in(folder: Path, spec: StudySpec) -> Study:
    return open_study(open_storage(folder / "journal"), spec, "fingerprint")


def run(folder: Path, spec: StudySpec) -> bool:
    """A trial that trains nothing: it is the better, the nearer its settings to a best setting."""
    study = Study(open_storage(folder / "journal"), spec)
    if (claimed := study.claims.next(spec.study.trials)) is None:
        return False
    proposed = study.propose(claimed.number, claimed.trial_id)
    training = proposed.settings.training
    time.sleep(0.02 * (claimed.number % 3))  # so that trials end in another order
    value = -((np.log10(training.learning_rate) + 2) ** 2) - training.l2 - training.momentum
    return study.finish(record_of(claimed, proposed.parameters, float(value)))


def ran(folder: Path, spec: StudySpec, jobs: int = 1) -> Study:
    study = study_in(folder, spec)

    def next_action() -> Action:
        whole = len(study.finished()) == spec.study.trials
        return Action.STOP if whole else Action.CONTINUE

    list(run_workers(run, (folder, spec), jobs, 1, next_action))
    return study


def begun(folder: Path, spec: StudySpec, number: int) -> Study:
    """A study whose trials up to `number` have been created."""
    folder.mkdir()
    study = study_in(folder, spec)
    for earlier in range(number + 1):
        created(study, earlier)
    return study


def proposals(study: Study) -> list[dict[str, Scalar]]:
    return [trial.params for trial in study.trials()]


@pytest.mark.usefixtures("working_folder")
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_two_workers_propose_what_one_does_and_active_parameters_alone(tmp_path, sampler):
    spec = spec_of(sampler=sampler)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = proposals(ran(tmp_path / "a", spec, jobs=1))
    assert proposals(ran(tmp_path / "b", spec, jobs=2)) == one
    for point in one:
        assert list(point) == [n for n, p in spec.search_space.items() if holds(p, point)]
    assert {tuple(point) for point in one} == {
        ("optimizer", "learning_rate", "l2"),
        ("optimizer", "momentum", "learning_rate"),
    }


@pytest.mark.parametrize("number", range(3))
def test_an_enqueued_point_gives_what_is_active_and_the_rest_is_proposed(tmp_path, number):
    spec = spec_of()
    study = begun(tmp_path / "study", spec, number)
    point = study.propose(number, created(study, number)).parameters
    assert point.keys() == {n for n, p in spec.search_space.items() if holds(p, point)}
    assert {n: v for n, v in ENQUEUED[number].items() if n in point}.items() <= point.items()
    assert point == study.propose(number, created(study, number)).parameters
