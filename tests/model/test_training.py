import pickle
from itertools import islice

import numpy as np
import pytest

from studyhall.model import (
    OPTIMIZERS,
    Architecture,
    DivergenceError,
    Network,
    Schedule,
    make_optimizer,
    score,
    train,
)

SETTINGS = {"l2": 1e-2, "iterations": 10}
SCHEDULE = {"learning_rate": 0.02, "decay": 0.5}


@pytest.fixture
def start(make_network, make_batches, validation):
    """Start a training; returns the network and the iterator of its records."""

    def start(optimizer="nesterov", dtype=np.float32, batches=None, **changes):
        network = make_network(dtype=dtype)
        batches = batches or make_batches(dtype=dtype)
        rates = {name: changes.pop(name, value) for name, value in SCHEDULE.items()}
        records = train(
            network,
            make_optimizer(optimizer),
            batches,
            validation,
            Schedule(**rates),
            **{**SETTINGS, **changes},
        )
        return network, records

    return start


def test_one_record_an_epoch_and_one_for_the_part_of_an_epoch(start):
    _, records = start()
    records = list(records)
    assert [record.epoch for record in records] == [1, 2, 3]
    assert [record.iteration for record in records] == [4, 8, 10]
    assert [len(record.losses) for record in records] == [4, 4, 2]
    assert [record.learning_rate for record in records] == [0.02, 0.01, 0.005]
    assert all(record.losses.dtype == np.float32 and record.seconds > 0 for record in records)


@pytest.mark.parametrize(("iterations", "epochs"), [(1, 1), (4, 1), (5, 2), (8, 2)])
def test_iterations_are_counted_exactly(start, iterations, epochs):
    _, records = start(iterations=iterations)
    records = list(records)
    assert (len(records), records[-1].iteration) == (epochs, iterations)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_the_same_generators_give_the_same_bits(start, make_batches, optimizer, sampling):
    weights, curves = [], []
    for _ in range(2):
        network, records = start(optimizer, batches=make_batches(sampling=sampling))
        curves.append(np.concatenate([record.losses for record in records]).tobytes())
        weights.append(network.vector.values.tobytes())
    assert weights[0] == weights[1]
    assert curves[0] == curves[1]


def test_it_is_the_loop_that_anyone_would_write(make_network, make_batches, validation, start):
    network, optimizer, batches = make_network(), make_optimizer("sgd"), make_batches()
    optimizer.bind(network.vector)
    losses, correct, cross_entropies = [], 0, 0.0
    for inputs, labels in batches.epoch():
        losses.append(network.loss_and_gradients(inputs, labels, 0.01))
        correct += network.correct
        cross_entropies += network.data_loss * len(labels)
        optimizer.step(0.02)
    trained, records = start("sgd", iterations=4)
    (record,) = records
    np.testing.assert_array_equal(trained.vector.values, network.vector.values)
    np.testing.assert_array_equal(record.losses, np.float32(losses))
    assert record.training_accuracy == correct / 100
    assert record.training_loss == pytest.approx(cross_entropies / 100)
    validated = score(network, validation.chunks())
    assert (record.validation_loss, record.validation_accuracy) == validated


@pytest.mark.parametrize(
    ("every", "iterations", "stops", "epochs"),
    [
        (1, 10, [4, 8, 10], [1, 2, 3]),
        (2, 10, [8, 10], [2, 3]),
        (2, 16, [8, 16], [2, 4]),
        (3, 10, [10], [3]),
        (3, 13, [12, 13], [3, 4]),
        (99, 10, [10], [3]),
    ],
)
def test_records_can_be_rarer_than_epochs(start, every, iterations, stops, epochs):
    network, records = start(evaluate_every=every, iterations=iterations)
    records = list(records)
    assert [record.iteration for record in records] == stops
    assert [record.epoch for record in records] == epochs
    usual, expected = start(iterations=iterations)
    expected = list(expected)
    np.testing.assert_array_equal(network.vector.values, usual.vector.values)
    losses = np.concatenate([record.losses for record in records])
    np.testing.assert_array_equal(losses, np.concatenate([record.losses for record in expected]))
    ends = {record.iteration: record for record in expected}
    for name in ("learning_rate", "validation_loss", "validation_accuracy", "update_ratio"):
        for record in records:
            assert getattr(record, name) == getattr(ends[record.iteration], name)


def test_a_rare_record_is_of_all_examples_since_the_last(start):
    _, records = start(evaluate_every=2, iterations=8)
    (both,) = records
    _, records = start(iterations=8)
    first, second = records
    for name in ("training_loss", "training_accuracy"):
        mean = (getattr(first, name) + getattr(second, name)) / 2
        assert getattr(both, name) == pytest.approx(mean, rel=1e-12)


def with_dropout(generator):
    network = Network(Architecture(48, (20,), 3, dropout=0.5), generator=generator)
    network.initialize("he", np.random.default_rng(1))
    return network


def test_dropout_is_in_the_training_and_not_in_the_validation(make_batches, validation):
    network, batches = with_dropout(np.random.default_rng(0)), make_batches()
    rest = (make_optimizer("sgd"), batches, validation, Schedule(1e-30))
    (record,) = train(network, *rest, iterations=4)
    twin = Network(Architecture(48, (20,), 3))
    twin.vector.values[...] = network.vector.values
    validated = score(twin, validation.chunks())
    assert (record.validation_loss, record.validation_accuracy) == validated
    (without,) = train(twin, make_optimizer("sgd"), make_batches(), *rest[2:], iterations=4)
    assert record.training_loss > 1.05 * without.training_loss


def test_dropout_without_a_generator_cannot_train(make_batches, validation):
    parts = (make_optimizer("sgd"), make_batches(), validation, Schedule(0.1))
    records = train(with_dropout(None), *parts, iterations=4)
    message = "^dropout: training needs a generator to draw masks from, got none$"
    with pytest.raises(ValueError, match=message):
        next(records)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_learns(start, dtype):
    _, records = start(dtype=dtype, decay=1.0, iterations=120)
    *_, last = records
    assert last.training_accuracy > 0.95
    assert last.validation_accuracy > 0.85
    assert last.validation_loss < 0.5


def test_a_used_optimizer_starts_afresh(make_network, make_batches, validation):
    optimizer, weights = make_optimizer("momentum"), []
    for _ in range(2):
        network = make_network()
        list(
            train(network, optimizer, make_batches(), validation, Schedule(**SCHEDULE), **SETTINGS)
        )
        weights.append(network.vector.values)
    np.testing.assert_array_equal(*weights)


def test_stopping_early_leaves_the_weights_of_that_moment(start):
    stopped, records = start()
    list(islice(records, 2))
    shorter, records = start(iterations=8)
    list(records)
    np.testing.assert_array_equal(stopped.vector.values, shorter.vector.values)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_divergence_is_told_once_with_the_losses_so_far(start, optimizer, dtype):
    _, records = start(optimizer, dtype, learning_rate=1e30, iterations=40)
    with pytest.raises(DivergenceError) as caught:
        list(records)
    error = caught.value
    assert 1 < error.iteration <= 40
    assert len(error.losses) == error.iteration
    assert np.isfinite(error.losses[0])
    assert not np.isfinite(error.loss)
    assert str(error) == (
        f"the loss must stay finite, got {error.loss} in iteration {error.iteration}"
    )


def test_divergence_in_the_last_update_is_seen_by_validation(start):
    _, records = start("sgd", learning_rate=1e38, l2=0.0, iterations=1)
    with pytest.raises(DivergenceError) as caught:
        list(records)
    assert (caught.value.iteration, len(caught.value.losses)) == (1, 1)


def test_divergence_crosses_process_boundaries():
    error = pickle.loads(pickle.dumps(DivergenceError(3, np.inf, np.ones(3, np.float32))))
    assert (error.iteration, error.loss, error.losses.tolist()) == (3, np.inf, [1, 1, 1])


def test_the_callers_floating_point_settings_hold_between_epochs(start):
    _, records = start()
    next(records)
    assert np.geterr()["over"] == "raise"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"l2": -1.0}, "l2: must be a finite number of at least 0, got -1.0"),
        ({"l2": np.inf}, "l2: must be a finite number of at least 0, got inf"),
        ({"iterations": 0}, "iterations and evaluate_every: must be at least 1, got 0 and 1"),
        ({"evaluate_every": 0}, "iterations and evaluate_every: .*, got 10 and 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(start, changes, message):
    with pytest.raises(ValueError, match=message):
        start(**changes)
