"""CMA-ES: what moves its distribution, what bad trials do to it, and its way out of dead ends."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from studyhall.search.study.evolution import Evolution, EvolutionSampler, population
from tests.search.spaces import spec_of

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
UNIT = {"type": "float", "low": 0.0, "high": 1.0}
CHOICES = {"type": "categorical", "choices": [0, 1]}
SPACE = spec_of({"a": UNIT, "b": UNIT}).search_space


def trial(a: float, state: TrialState, value: float, epochs: int = 3) -> FrozenTrial:
    """A trial at `a` that had `value` when it ended."""
    return create_trial(
        params={"a": a, "b": 0.5},
        distributions=dict.fromkeys("ab", FloatDistribution(0.0, 1.0)),
        state=state,
        value=value if state is COMPLETE else None,
        intermediate_values={} if state is FAIL else dict.fromkeys(range(1, epochs + 1), value),
    )


def drawn(trials: list[FrozenTrial], direction: str = "maximize", count: int = 40) -> list[float]:
    """Values of `a` that are drawn after some trials, by seeds from 0."""
    study = optuna.create_study(direction=direction)
    study.add_trials(trials)
    new = study.ask()
    return [
        EvolutionSampler(SPACE, seed).sample_independent(
            study, study.trials[new.number], "a", FloatDistribution(0.0, 1.0)
        )
        for seed in range(count)
    ]


def groups(count: int, seed: int = 0) -> list[tuple[tuple[float, ...], ...]]:
    """What a search for the point (0.2, 0.7) tells."""
    search, found = Evolution(2), []
    for number in range(count):
        places = [
            tuple(search.ask(seed + population(2) * number + i)) for i in range(population(2))
        ]
        best_first = tuple(sorted(places, key=lambda p: (p[0] - 0.2) ** 2 + (p[1] - 0.7) ** 2))
        search.tell(best_first)
        found.append(best_first)
    return found


@pytest.mark.parametrize(("direction", "upwards"), [("maximize", True), ("minimize", False)])
def test_the_distribution_moves_to_the_better_trials(direction, upwards):
    trials = [trial(a, COMPLETE, a) for a in (0.1, 0.3, 0.5, 0.6, 0.7, 0.9)]
    before, after = np.mean(drawn([])), np.mean(drawn(trials, direction))
    assert after > before + 0.1 if upwards else after < before - 0.1


@pytest.mark.parametrize(
    "worse",
    [
        (PRUNED, 0.9, 3),  # though its value was higher than any
        (FAIL, 0.0, 0),
    ],
    ids=["pruned", "failed"],
)
def test_trials_that_were_pruned_or_failed_drive_it_away(worse):
    completed = [trial(a, COMPLETE, 0.5) for a in (0.1, 0.2, 0.3)]
    others = [trial(a, *worse) for a in (0.7, 0.8, 0.9)]
    for order in (completed + others, others + completed):
        assert np.mean(drawn(order)) < np.mean(drawn([])) - 0.1


def test_the_later_a_trial_was_pruned_the_better_and_failed_ones_are_last():
    ranked = [
        trial(0.1, PRUNED, 0.2, epochs=5),
        trial(0.2, PRUNED, 0.1, epochs=5),
        trial(0.3, PRUNED, 0.9, epochs=1),
        trial(0.8, PRUNED, 0.8, epochs=1),
        trial(0.9, FAIL, 0.0),
        trial(0.9, FAIL, 0.0),
    ]
    completed = [trial(t.params["a"], COMPLETE, -float(i)) for i, t in enumerate(ranked)]
    assert drawn(ranked[::-1]) == drawn(completed)


def test_a_group_that_is_not_whole_changes_nothing():
    trials = [trial(a, COMPLETE, a) for a in (0.1, 0.3, 0.5, 0.6, 0.7, 0.9)]
    assert drawn(trials + trials[:5]) == drawn(trials)
    assert drawn(trials + trials) != drawn(trials)


def test_trials_that_lack_a_parameter_are_left_out():
    lacking = create_trial(
        params={"a": 0.9}, distributions={"a": FloatDistribution(0.0, 1.0)}, value=1.0
    )
    assert drawn([lacking] * 6) == drawn([])


def test_a_choice_at_random_does_not_go_with_the_numbers():
    """Both come from the seed of the trial; drawn alike, they would rise and fall together."""
    space = spec_of({"a": UNIT, "b": UNIT, "c": UNIT | {"when": {"d": 1}}, "d": CHOICES})
    found = []
    for seed in range(200):
        sampler = EvolutionSampler(space.search_space, seed)
        asked = optuna.create_study(sampler=sampler).ask()
        found.append([asked.suggest_float(name, 0, 1) for name in "abc"])
    *_, with_numbers = np.corrcoef(np.array(found).T)
    assert np.all(np.abs(with_numbers[:2]) < 0.2)


def test_it_does_not_matter_what_was_asked_in_between_or_before():
    told, asked = Evolution(2), Evolution(2)
    for number, group in enumerate(groups(30)):
        told.tell(group)
        asked.ask(number)
        asked.tell(group)
        asked.ask(7)
    assert told.ask(5) == asked.ask(5)


def test_a_search_whose_trials_are_all_the_same_begins_anew():
    search = Evolution(2)
    search.tell(((0.2, 0.7),) * population(2))
    assert search.ask(5) == Evolution(2).ask(5)


@pytest.mark.parametrize("dimensions", [2, 7])
def test_a_search_finds_a_point_and_begins_anew_when_it_can_get_no_closer(dimensions):
    search, generator = Evolution(dimensions), np.random.default_rng(0)
    spreads = []
    with np.errstate(all="raise"):
        for _ in range(600):
            seeds = generator.integers(0, 2**32, population(dimensions))
            places = np.array([search.ask(int(seed)) for seed in seeds])
            assert np.all((places >= 0) & (places <= 1))
            distances = np.sum((places - 0.2) ** 2, axis=1)
            search.tell(tuple(tuple(places[i].tolist()) for i in np.argsort(distances)))
            spreads.append(distances.max())
    found = int(np.argmax(np.array(spreads) < 1e-8))
    assert 0 < found < 300
    assert max(spreads[found:]) > 0.1


def test_a_parameter_that_rests_on_a_step_gets_away_again_though_another_never_rests():
    search, spreads = Evolution(2), []
    for _ in range(1000):
        search.tell(tuple((place, 0.5) for place in (0.4, 0.6, 0.3, 0.7, 0.2, 0.8)))
        spreads.append(np.ptp([search.ask(seed)[1] for seed in range(20)]))
    assert min(spreads) < 1e-6
    assert max(spreads[int(np.argmin(spreads)) :]) > 0.5
