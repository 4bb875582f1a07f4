"""A trial by itself: no storage, server or pool, and randomness from its seed alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studyhall.model import EpochRecord, Examples, score, weights_sha256
from studyhall.search.config.settings import TrialSettings
from studyhall.search.data.datasets import fetch
from studyhall.search.training.building import TrainingData, TrialSeed, training_data
from studyhall.search.training.trial import TrialRecord, pruned_after, run_trial
from tests.search.training.shades import settings, shades


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return shades()


def run(data: TrainingData, number: int = 0, study: int = 0, **training: object) -> TrialRecord:
    seed = TrialSeed(study, number)
    return run_trial(settings(**training), data, seed, "validation_accuracy", lambda epoch: None)


def weights(record: TrialRecord) -> np.ndarray:
    assert record.classifier is not None
    return record.classifier.network.vector.values


def test_a_trial_learns_and_records_each_epoch_and_iteration(data):
    record = run(data)
    assert record.state == "complete"
    assert [epoch.iteration for epoch in record.epochs] == [5, 10, 15, 20, 25, 30]
    assert record.losses.shape == (30,)
    assert record.losses[-5:].mean() < record.losses[:5].mean()
    assert record.value == record.epochs[-1].validation_accuracy > 0.9


def test_the_same_seed_gives_the_same_weights(data):
    first, second = run(data), run(data)
    assert np.array_equal(weights(first), weights(second))
    assert np.array_equal(first.losses, second.losses)


@pytest.mark.parametrize("other", [{"number": 1}, {"study": 1}])
def test_another_number_or_study_draws_other_weights(data, other):
    assert not np.array_equal(weights(run(data)), weights(run(data, **other)))


def test_all_trials_of_a_study_see_the_same_minibatches():
    first, second = (TrialSeed(7, number).batches().permutation(50) for number in (0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, TrialSeed(8, 0).batches().permutation(50))


def test_a_trial_stops_with_the_reason_to_prune_it(data):
    def on_epoch(epoch):
        return "not worth it" if epoch.epoch == 2 else None

    seed = TrialSeed(0, 0)
    record = run_trial(settings(), data, seed, "validation_accuracy", on_epoch)
    assert (record.state, record.reason, len(record.epochs)) == ("pruned", "not worth it", 2)
    assert record.value == record.epochs[-1].validation_accuracy
    assert record.classifier is not None


def test_a_loss_that_is_not_finite_fails_the_trial_with_its_reason(data):
    record = run(data, learning_rate=1e30)
    assert record.state == "failed"
    assert record.value is None
    assert record.classifier is None
    assert "the loss must stay finite" in str(record.reason)
    assert not np.isfinite(record.losses[-1])


def test_a_programming_error_is_no_failed_trial(data):
    def on_epoch(epoch):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_trial(settings(), data, TrialSeed(0, 0), "validation_accuracy", on_epoch)


@pytest.mark.parametrize(
    ("training", "iterations"),
    [({"epochs": 2}, 10), ({"epochs": None, "iterations": 7}, 7)],
)
def test_a_training_takes_as_many_iterations_as_the_study_says(data, training, iterations):
    assert len(run(data, **training).losses) == iterations


@pytest.mark.parametrize("metric", ["validation_accuracy", "validation_loss"])
def test_the_best_weights_are_kept_on_request(data, metric):
    # With labels that mean nothing, what helps validation at one look harms it at the next.
    labels = np.random.default_rng(1).permutation(data.dataset.train_labels)
    data = replace(data, dataset=replace(data.dataset, train_labels=labels))
    records = [
        run_trial(settings(epochs=9, keep=keep), data, TrialSeed(0, 0), metric, lambda _: None)
        for keep in ("last", "best")
    ]
    last, best = records
    values = [getattr(epoch, metric) for epoch in best.epochs]
    assert last.value == values[-1]
    assert best.value == (max if metric == "validation_accuracy" else min)(values)
    assert best.value != last.value
    network = best.classifier.network
    examples = Examples(
        data.dataset.train_examples,
        data.dataset.train_labels,
        data.split.validation,
        data.preprocessing,
    )
    judged = score(network, examples.chunks())
    assert best.value == (
        judged.accuracy if metric == "validation_accuracy" else pytest.approx(judged.loss)
    )


def moons(**training: object) -> TrialSettings:
    return TrialSettings.model_validate(
        {
            "data": {"name": "two_moons", "train": 150, "validation": 50},
            "network": {"hidden": [8], "dropout": 0.2},
            "training": {"learning_rate": 0.3, "batch_size": 20, "keep": "best", **training},
        }
    )


@pytest.mark.parametrize("reason", [None, "median pruned it"])
@pytest.mark.parametrize(
    "training", [{"epochs": 9}, {"epochs": 9, "evaluate_every": 2}, {"iterations": 61}]
)
def test_a_trial_trained_again_ends_where_it_ended(cache, training, reason):
    wanted, seed = moons(**training), TrialSeed(3, 5)
    data = training_data(fetch(wanted.data), wanted.data)
    records = []

    def on_epoch(epoch: EpochRecord) -> str | None:
        records.append(epoch)
        return reason if len(records) == 3 else None

    first = run_trial(wanted, data, seed, "validation_loss", on_epoch)
    last = first.epochs[-1].epoch if reason else None
    again = run_trial(wanted, data, seed, "validation_loss", pruned_after(last, reason or ""))
    assert (again.state, again.reason, again.value) == (first.state, first.reason, first.value)
    assert [epoch.iteration for epoch in again.epochs] == [e.iteration for e in first.epochs]
    assert np.array_equal(again.losses, first.losses)
    assert weights_sha256(again.classifier) == weights_sha256(first.classifier)
