import numpy as np
import pytest

from studyhall.model import Architecture, Network, Schedule, make_optimizer, train
from studyhall.model.diagnostics import DeadUnits, gradient_norm, update_ratio

INPUTS = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, -3.0]])
LABELS = np.array([0, 1, 1, 0])


def build(hidden, activation="relu"):
    """A network of zeros, each of whose hidden units is dead until it is given a weight or bias."""
    return Network(Architecture(2, hidden, 2, activation), np.float64)


def watched(network, batch_size):
    """The share after the network has read all inputs, so many at a time."""
    dead = DeadUnits(network)
    starts = range(0, len(INPUTS), batch_size)
    batches = [(INPUTS[i : i + batch_size], LABELS[i : i + batch_size]) for i in starts]
    for inputs, labels in dead.watch(batches):
        network.loss(inputs, labels)
    return dead.share


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
def test_a_unit_that_fires_once_is_alive(batch_size):
    network = build((5,))
    network.parameters["affine1.bias"][...] = [1, -1, 0, 0, 0]  # always, never, at zero: never
    network.parameters["affine1.weight"][...] = [[0, 0, 0, 1, 0], [0, 0, 0, 0, -1]]  # first, last
    assert watched(network, batch_size) == 2 / 5


@pytest.mark.parametrize("batch_size", [1, 4])
def test_all_relu_layers_count_and_no_others(batch_size):
    network = build((2, 4, 3), ("relu", "tanh", "relu"))
    network.parameters["affine1.bias"][0] = 1
    network.parameters["affine3.bias"][...] = [0.5, 0, -0.5]
    assert watched(network, batch_size) == 3 / 5


@pytest.mark.parametrize(("bias", "share"), [(1, 0.0), (-1, 1.0)])
def test_all_alive_and_all_dead(bias, share):
    network = build((4,))
    network.parameters["affine1.bias"][...] = bias
    assert watched(network, 2) == share


@pytest.mark.parametrize(("hidden", "activation"), [((), "relu"), ((4,), "tanh")])
def test_no_relu_no_share(hidden, activation):
    assert watched(build(hidden, activation), 2) is None


def test_each_watch_starts_afresh():
    network = build((1,))
    dead, batches = DeadUnits(network), [(INPUTS, LABELS)]
    for bias, share in ((1, 0.0), (-1, 1.0)):
        network.parameters["affine1.bias"][...] = bias
        for inputs, labels in dead.watch(batches):
            network.loss(inputs, labels)
        assert dead.share == share


def test_the_gradient_norm_is_of_all_parameters():
    network = build((3,))
    for gradient in network.gradients.values():
        gradient[...] = 2
    assert gradient_norm(network) == pytest.approx(2 * 17**0.5, rel=1e-15)


@pytest.mark.parametrize(
    ("before", "after", "ratio"), [(2.0, 2.5, 0.25), (-4.0, -4.0, 0.0), (0.0, 1.0, np.inf)]
)
def test_the_update_ratio_is_of_the_weights_alone(before, after, ratio):
    network = build((3,))
    weights = network.vector.values[: network.vector.weight_count]
    network.vector.values[...] = before
    old = weights.copy()
    network.vector.values[network.vector.weight_count :] = 100
    weights[...] = after
    assert update_ratio(network, old) == pytest.approx(ratio, rel=1e-15)


def by_hand(network, optimizer, batches, schedule, iterations):
    """The last gradient's norm and the last step's ratio of each epoch, by the plainest loop."""
    optimizer.bind(network.vector)
    done, found, weight_count = 0, [], network.vector.weight_count
    while done < iterations:
        for inputs, labels in batches.epoch():
            network.loss_and_gradients(inputs, labels, 0.1)
            gradient = np.concatenate([g.ravel() for g in network.gradients.values()])
            old = network.vector.values[:weight_count].copy()
            optimizer.step(schedule.rate(done, batches.iterations_per_epoch, iterations))
            done += 1
            if done == iterations:
                break
        change = network.vector.values[:weight_count] - old
        ratio = np.sqrt((change**2).sum() / (old**2).sum())
        found.append((np.sqrt((gradient**2).sum()), ratio))
    return found


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_records_tell_of_the_last_iteration(make_network, make_batches, validation, name):
    schedule, iterations = Schedule(0.02, 0.5), 10
    settings = (make_batches(dtype=np.float64), schedule, iterations)
    norms, ratios = zip(
        *by_hand(make_network(dtype=np.float64), make_optimizer(name), *settings), strict=True
    )
    batches, network = make_batches(dtype=np.float64), make_network(dtype=np.float64)
    records = list(
        train(
            network,
            make_optimizer(name),
            batches,
            validation,
            schedule,
            l2=0.1,
            iterations=iterations,
        )
    )
    assert [record.gradient_norm for record in records] == pytest.approx(norms, rel=1e-12)
    assert [record.update_ratio for record in records] == pytest.approx(ratios, rel=1e-12)


def silent_share(network, validation):
    """The share of hidden units that fire for no validation example, from the whole at once."""
    inputs = np.concatenate([inputs.copy() for inputs, _ in validation.chunks()])
    parameters = network.parameters
    hidden = inputs @ parameters["affine1.weight"] + parameters["affine1.bias"]
    return float((hidden <= 0).all(axis=0).mean())


@pytest.mark.parametrize("chunk", [7, 500])
def test_records_tell_of_dead_units(make_batches, make_network, validation, monkeypatch, chunk):
    monkeypatch.setattr("studyhall.model.examples.CHUNK", chunk)
    network = make_network((40,))
    network.parameters["affine1.bias"][:10] = -1000
    records = train(
        network, make_optimizer("sgd"), make_batches(), validation, Schedule(0.3), iterations=12
    )
    shares = [(record.dead_relu_share, silent_share(network, validation)) for record in records]
    assert all(share == expected >= 0.25 for share, expected in shares)


def test_records_of_a_network_without_relu_tell_of_none(make_batches, validation):
    network = Network(Architecture(48, (5,), 3, "sigmoid"))
    (record,) = train(
        network, make_optimizer("sgd"), make_batches(), validation, Schedule(0.1), iterations=4
    )
    assert record.dead_relu_share is None
