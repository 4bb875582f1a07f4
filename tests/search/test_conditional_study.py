"""Studies over conditional parameters: what is proposed, that it repeats, and the figures."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from optuna.trial import TrialState

from search.conditions import holds
from search.section import Scalar
from search.space import fixed_point
from search.storage import open_storage
from search.studies import open_study
from search.study import Study
from search.study_figures import write_figures
from search.study_spec import StudySpec
from search.workers import run_tasks

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


def run(folder: Path, spec: StudySpec, number: int, trial_id: int) -> None:
    """A trial that trains nothing: it is the better, the nearer its settings to a best setting."""
    study = Study(open_storage(folder / "journal"), spec)
    training = study.propose(number, trial_id).settings.training
    time.sleep(0.02 * (number % 3))
    value = -((np.log10(training.learning_rate) + 2) ** 2) - training.l2 - training.momentum
    study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [float(value)])


def ran(folder: Path, spec: StudySpec, jobs: int = 1) -> Study:
    study = study_in(folder, spec)
    tasks = ((folder, spec, n, study.claim(n)) for n in range(spec.study.trials))
    assert len(list(run_tasks(run, tasks, jobs, 1))) == spec.study.trials
    return study


def claimed(folder: Path, spec: StudySpec, number: int) -> Study:
    """A study whose trials up to `number` have been created."""
    folder.mkdir()
    study = study_in(folder, spec)
    for earlier in range(number + 1):
        study.claim(earlier)
    return study


def proposals(study: Study) -> list[dict[str, Scalar]]:
    return [trial.params for trial in study.trials()]


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
    study = claimed(tmp_path / "study", spec, number)
    point = study.propose(number, study.claim(number)).parameters
    assert point.keys() == {n for n, p in spec.search_space.items() if holds(p, point)}
    assert {n: v for n, v in ENQUEUED[number].items() if n in point}.items() <= point.items()
    assert point == study.propose(number, study.claim(number)).parameters


@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.parametrize("given", [1, 2, 3])
def test_a_trial_killed_between_two_proposals_gets_what_it_would_have(tmp_path, number, given):
    spec = spec_of(window=number + 1)
    whole, killed = (claimed(tmp_path / name, spec, number) for name in ("whole", "killed"))
    expected = whole.propose(number, whole.claim(number)).parameters
    trial = whole.trials()[number]
    for name in list(expected)[:given]:
        value = trial.distributions[name].to_internal_repr(expected[name])
        distribution = trial.distributions[name]
        killed._storage.set_trial_param(killed.claim(number), name, value, distribution)
    assert killed.propose(number, killed.claim(number)).parameters == expected
    assert killed.trials()[number].params == expected


def test_a_grid_takes_the_active_points_in_order(tmp_path):
    space = {
        "optimizer": SPACE["optimizer"],
        "momentum": {**SPACE["momentum"], "type": "categorical", "choices": [0.1, 0.2]},
    }
    del space["momentum"]["low"], space["momentum"]["high"]
    spec = spec_of(space, sampler="grid", trials=5)
    expected = [
        {"optimizer": "sgd"},
        {"optimizer": "momentum", "momentum": 0.1},
        {"optimizer": "momentum", "momentum": 0.2},
        {"optimizer": "nesterov", "momentum": 0.1},
        {"optimizer": "nesterov", "momentum": 0.2},
    ]
    assert [fixed_point(spec, number) for number in range(5)] == expected
    assert proposals(ran(tmp_path, spec)) == expected


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        (["optimizer", "momentum", "learning_rate", "l2"], set()),
        (["optimizer", "momentum", "l2"], {"contour"}),
        (["optimizer", "l2"], {"contour"}),
    ],
)
@pytest.mark.parametrize("trials", [3, 12])
def test_figures_compare_what_all_trials_have(tmp_path, names, absent, trials):
    spec = spec_of({name: SPACE[name] for name in names}, trials=trials)
    study = ran(tmp_path, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = {path.stem for path in write_figures(study, tmp_path)}
    assert written == {
        "learning_curves", "history", "slice", "importances", "parallel_coordinates", "contour"
    } - absent  # fmt: skip


def test_optunas_style_does_not_reach_later_pictures(tmp_path):
    before = dict(matplotlib.rcParams)
    write_figures(ran(tmp_path, spec_of({"l2": SPACE["l2"]}, trials=3)), tmp_path)
    changed = {key for key, value in matplotlib.rcParams.items() if value != before[key]}
    assert changed <= {"backend"}
