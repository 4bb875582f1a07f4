"""The window: what a trial may see, and that nothing else can change what it is proposed."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.samplers import fixed_point
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.study import Study
from studyhall.search.study.window import WindowView
from tests.search.created import created, record_of

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9},
}


def spec_of(**study: object) -> StudySpec:
    return StudySpec.model_validate(
        {
            "study": {"name": "s", "trials": 30, "window": 4, "seed": 3, **study},
            "data": {"name": "cifar10", "train": 100, "validation": 10},
            "network": {"hidden": [4]},
            "training": {"epochs": 3, "optimizer": "momentum"},
            "search_space": SPACE,
            "enqueue": [{"learning_rate": 0.5, "momentum": 0.25}],
        }
    )


@pytest.fixture
def study(tmp_path) -> Study:
    return open_study(open_storage(tmp_path / "journal"), spec_of(), "fingerprint")


def finish(study: Study, number: int, value: float) -> None:
    storage = study.optuna_study()._storage
    storage.set_trial_state_values(created(study, number), TrialState.COMPLETE, [value])


def view_of(study: Study, number: int, window: int) -> WindowView:
    storage = study.optuna_study()._storage
    study_id = study.optuna_study()._study_id
    return WindowView(storage, study_id, created(study, number), number, window)


def visible(study: Study, view: WindowView) -> list[int]:
    study_id = study.optuna_study()._study_id
    return [trial.number for trial in view.get_all_trials(study_id)]


@pytest.mark.parametrize(("number", "window", "expected"), [(3, 4, []), (4, 4, [0]), (6, 1, 6)])
def test_a_trial_sees_those_far_enough_behind_it(study, number, window, expected):
    for earlier in range(number):
        finish(study, earlier, 0.5)
    seen = visible(study, view_of(study, number, window))
    assert seen == (list(range(expected)) if isinstance(expected, int) else expected)


def proposals(tmp_path, order: list[int], sampler: str) -> list[dict[str, float]]:
    """Propose trials 0 to 19 while those within the window finish in another order."""
    study = open_study(open_storage(tmp_path), spec_of(sampler=sampler), "fingerprint")
    found: list[dict[str, float]] = []
    for start in range(0, 20, 4):
        ids = {number: created(study, number) for number in range(start, start + 4)}
        proposed = {n: study.propose(n, ids[n]).parameters for n in (start + i for i in order)}
        for number in sorted(proposed, key=lambda n: order[n - start]):
            value = -((np.log10(proposed[number]["learning_rate"]) + 2) ** 2)
            study.optuna_study()._storage.set_trial_state_values(
                ids[number], TrialState.COMPLETE, [float(value)]
            )
        found += [proposed[number] for number in sorted(proposed)]
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_proposals_do_not_depend_on_the_order_within_the_window(tmp_path, sampler):
    first = proposals(tmp_path / "a", [0, 1, 2, 3], sampler)
    assert proposals(tmp_path / "b", [3, 1, 0, 2], sampler) == first
    assert len({tuple(point.values()) for point in first}) == 20


def test_the_sampler_learns_from_what_it_may_see(tmp_path):
    found = proposals(tmp_path / "a", [0, 1, 2, 3], "tpe")
    assert found[-4:] != proposals(tmp_path / "b", [0, 1, 2, 3], "random")[-4:]


def test_an_interrupted_trial_leaves_no_report_to_its_second_run(study):
    trial_id = created(study, 0)
    study.propose(0, trial_id)._trial.report(0.1, 1)
    again = study.propose(0, trial_id)
    assert again._trial.study._storage.get_trial(trial_id).intermediate_values == {}
    again._trial.report(0.7, 1)
    assert again.reports == {1: 0.7}


def test_an_interrupted_trial_gets_the_same_parameters_again(study):
    trial_id = created(study, 0)
    assert study.propose(0, trial_id).parameters == study.propose(0, trial_id).parameters


@pytest.mark.parametrize("number", [0, 1])
def test_an_enqueued_point_is_a_function_of_the_number(number):
    expected = {"learning_rate": 0.5, "momentum": 0.25} if number == 0 else {}
    assert fixed_point(spec_of(), number) == expected


def test_pruning_compares_with_what_may_be_seen_alone(tmp_path):
    """A trial that is worst of all is not pruned while its betters are inside the window."""
    outcomes = {}
    for window in (1, 50):
        spec = spec_of(pruner="successive_halving", window=window)
        study = open_study(open_storage(tmp_path / str(window)), spec, "fingerprint")
        for number, value in enumerate([0.9, 0.8, 0.85, 0.95, 0.7]):
            proposed = study.propose(number, created(study, number))
            proposed._trial.report(value, 1)
            proposed._trial.should_prune()
            storage, trial_id = study.optuna_study()._storage, created(study, number)
            storage.set_trial_intermediate_value(trial_id, 1, value)
            for key, note in proposed.notes.items():
                storage.set_trial_system_attr(trial_id, key, note)
            finish(study, number, value)
        last = study.propose(5, created(study, 5))
        last._trial.report(0.1, 1)
        outcomes[window] = last._trial.should_prune()
    assert outcomes == {1: True, 50: False}


def test_a_trial_completes_a_rung_with_what_it_had_there(tmp_path):
    """Later values do not take the place of those that other trials are compared with."""
    spec = spec_of(pruner="successive_halving", window=1)
    study = open_study(open_storage(tmp_path / "journal"), spec, "fingerprint")
    storage = study.optuna_study()._storage
    storage.set_trial_intermediate_value(created(study, 0), 20, 0.1)
    finish(study, 0, 0.1)
    proposed = study.propose(1, created(study, 1))
    for epoch in range(1, 21):
        proposed._trial.report(epoch / 100, epoch)
        assert not proposed._trial.should_prune()
    assert proposed.notes == {
        "completed_rung_0": 0.01, "completed_rung_1": 0.04, "completed_rung_2": 0.16
    }  # fmt: skip


def test_optuna_is_quiet():
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR


def test_a_whole_number_given_for_a_real_parameter_is_what_the_storage_keeps(tmp_path):
    spec = spec_of()
    whole = spec.model_copy(update={"enqueue": ({"learning_rate": 1, "momentum": 0},)})
    study = open_study(open_storage(tmp_path / "journal"), whole, "fingerprint")
    claimed = study.claims.next(1)
    assert claimed is not None
    parameters = study.propose(0, claimed.trial_id).parameters
    assert study.finish(record_of(claimed, parameters, 0.5))
    assert repr(parameters) == repr(study.trials()[0].params)
    assert repr(parameters["learning_rate"]) == "1.0"
