"""All samplers: inside the space, better than chance where they learn, and the same every time."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from scipy.stats.qmc import Sobol

from studyhall.search.config.study_spec import StudySection, StudySpec
from studyhall.search.study.samplers import quasi_random_point
from studyhall.search.study.storage import open_storage
from tests.search.spaces import EVERY_KIND, NUMBERS, is_point, spaces, spec_of
from tests.search.study.simulated import SimulatedStudy, quality

ROOT = Path(__file__).resolve().parents[3]
GRID = {
    "rate": {"type": "categorical", "choices": [10.0**-n for n in range(6)]},
    "share": {"type": "categorical", "choices": [0.0, 0.3, 0.4, 0.6, 0.8]},
}
TRIALS = 24
NEEDS_TORCH = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs the extra gp"
)


def names_of(field: str) -> tuple[str, ...]:
    return get_args(StudySection.model_fields[field].annotation)


def cases(*samplers: str) -> list[object]:
    """Those samplers; gp, which takes long, in the long run alone."""
    marks = (NEEDS_TORCH, pytest.mark.long)
    return [pytest.param(s, marks=marks) if s == "gp" else s for s in samplers]


def study_of(sampler: str, **study: object) -> StudySpec:
    return spec_of(GRID if sampler == "grid" else NUMBERS, sampler=sampler, **study)


def test_all_that_a_study_file_offers_are_tested_here():
    assert names_of("sampler") == ("tpe", "random", "grid", "qmc", "cmaes", "gp")
    assert names_of("pruner") == ("none", "median", "successive_halving", "hyperband")


@pytest.mark.parametrize("pruner", names_of("pruner"))
@pytest.mark.parametrize("sampler", cases(*names_of("sampler")))
def test_proposals_and_prunings_do_not_depend_on_timing(sampler, pruner):
    spec = study_of(sampler, pruner=pruner)
    alone = SimulatedStudy(InMemoryStorage(), spec).run(TRIALS, 1, np.random.default_rng(0))
    for workers in (3, 4):
        study = SimulatedStudy(InMemoryStorage(), spec)
        assert study.run(TRIALS, workers, np.random.default_rng(workers)) == alone
    assert len({tuple(answer.parameters.values()) for answer in alone}) == TRIALS
    assert any(answer.state is TrialState.PRUNED for answer in alone) == (pruner != "none")


def test_a_study_of_another_name_is_proposed_and_pruned_the_same():
    """Though Optuna's Hyperband draws a trial's bracket from the study's name."""
    first, second = (
        SimulatedStudy(InMemoryStorage(), study_of("tpe", pruner="hyperband", name=name)).run(
            TRIALS, 2, np.random.default_rng(0)
        )
        for name in ("s", "other")
    )
    assert first == second


@pytest.mark.parametrize("sampler", cases(*names_of("sampler")))
def test_another_process_with_other_threads_proposes_the_same(tmp_path, sampler):
    """The last trials again, in another order, by a process that has proposed none before."""
    study = SimulatedStudy(open_storage(tmp_path / "journal"), study_of(sampler))
    study.run(TRIALS, 4, np.random.default_rng(0))
    expected = {number: study.start().proposed.parameters for number in range(TRIALS, TRIALS + 4)}
    numbers = sorted(expected, reverse=True)
    program = (
        "import json\n"
        "from tests.search.study.simulated import proposed_again\n"
        f"print(json.dumps(proposed_again({str(tmp_path / 'journal')!r}, {numbers})))"
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **threads, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {str(n): point for n, point in expected.items()}


@pytest.mark.parametrize("sampler", cases("tpe", "random", "qmc", "cmaes", "gp"))
def test_every_trial_is_a_point_of_the_space(sampler):
    enqueued = ({"method": "small", "rate": 0.5}, {"even": 6})
    spec = spec_of(EVERY_KIND, enqueue=enqueued, sampler=sampler)
    answers = SimulatedStudy(InMemoryStorage(), spec).run(TRIALS, 4, np.random.default_rng(0))
    assert all(is_point(spec.search_space, answer.parameters) for answer in answers)
    assert len({answer.parameters["method"] for answer in answers}) == 3
    for answer, point in zip(answers, enqueued, strict=False):
        assert point.items() <= answer.parameters.items()


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("sampler", cases("tpe", "cmaes", "gp"))
def test_a_sampler_that_learns_does_better_than_chance(sampler, direction):
    found = {}
    metric = {"maximize": "validation_accuracy", "minimize": "validation_loss"}[direction]
    for name in (sampler, "random"):
        spec = study_of(name, direction=direction, metric=metric)
        answers = SimulatedStudy(InMemoryStorage(), spec).run(40, 4, np.random.default_rng(0))
        found[name] = np.mean([quality(answer.parameters) for answer in answers[-12:]])
    assert found[sampler] > found["random"] + 0.1


def point_of(space: dict[str, object], number: int, seed: int = 3) -> dict[str, object]:
    return quasi_random_point(spec_of(space).search_space, seed, number)


@given(spaces(), st.integers(0, 100_000), st.integers(0, 2**32 - 1))
def test_every_point_is_one_of_the_space(space, number, seed):
    parameters = spec_of(space).search_space
    assert is_point(parameters, quasi_random_point(parameters, seed, number))


def test_the_points_are_those_of_the_sequence_in_any_order():
    square = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("a", "b")}
    expected = Sobol(2, rng=3).random(16).tolist()
    for number in (0, 15, 1, 7, 8, 0):
        assert [*point_of(square, number).values()] == expected[number]


@pytest.mark.parametrize("start", [0, 64])
def test_any_64_points_from_a_multiple_of_64_have_one_in_each_of_64_boxes(start):
    """Of equal area: a box each of an 8 by 8 board, and of 64 strips along either axis."""
    square = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("a", "b")}
    points = [point_of(square, start + n) for n in range(64)]
    for columns, rows in ((8, 8), (64, 1), (1, 64)):
        boxes = {(int(p["a"] * columns), int(p["b"] * rows)) for p in points}
        assert len(boxes) == 64


def test_a_log_scale_and_choices_are_covered_evenly_too():
    points = [point_of(EVERY_KIND, number) for number in range(96)]
    decades = Counter(math.floor(math.log10(point["rate"])) for point in points)
    assert all(20 <= count <= 28 for count in decades.values()), decades
    methods = Counter(point["method"] for point in points)
    assert all(30 <= count <= 34 for count in methods.values()), methods


def test_another_seed_gives_other_points():
    assert point_of(NUMBERS, 5, seed=3) != point_of(NUMBERS, 5, seed=4)
