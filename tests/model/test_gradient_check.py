"""One table holds every layer; a new layer's gradients are tested by adding its row."""

import re

import numpy as np
import pytest

from studyhall.model import (
    ACTIVATIONS,
    LOSSES,
    Affine,
    Architecture,
    Dropout,
    Network,
    Parameter,
    ReLU,
    Tanh,
    check_layer,
    check_loss,
    check_network,
    joined,
    make_optimizer,
    numeric_gradient,
)


def affine():
    generator = np.random.default_rng(0)
    weight, bias = generator.standard_normal((4, 5)), generator.standard_normal(5)
    return Affine("affine1", Parameter(weight, np.zeros((4, 5))), Parameter(bias, np.zeros(5)))


SIGMOID = "sigmoid_cross_entropy"
LAYERS = {"affine": (affine, {"inputs", "weight", "bias"})} | {
    name: (activation, {"inputs"}) for name, activation in ACTIVATIONS.items()
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch", [1, 6])
def test_layer(name, batch):
    build, arrays = LAYERS[name]
    generator = np.random.default_rng(1)
    comparisons = check_layer(build(), generator.standard_normal((batch, 4)), generator)
    assert {comparison.name for comparison in comparisons} == arrays
    for comparison in comparisons:
        assert comparison.relative_error < 1e-8, str(comparison)
        assert comparison.analytic.any()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("batch", [1, 7])
def test_loss(name, batch):
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 5, batch)
    comparison = check_loss(LOSSES[name](), generator.normal(size=(batch, 5)), labels)
    assert comparison.relative_error < 1e-7, str(comparison)


def drawn(hidden, activation="relu", loss="softmax_cross_entropy", outputs=3):
    """A network with random biases too: zero ones put units behind dead units on their kink."""
    generator = np.random.default_rng(3)
    network = Network(Architecture(4, hidden, outputs, activation, 0, loss), np.float64)
    network.vector.values[...] = generator.normal(scale=0.5, size=len(network.vector.values))
    inputs, labels = generator.normal(size=(5, 4)), np.array([0, 1, 2, 2, 1]) % max(outputs, 2)
    return network, inputs, labels


def descend(network, inputs, labels, l2):
    optimizer = make_optimizer("adam")
    optimizer.bind(network.vector)
    for _ in range(30):
        network.loss_and_gradients(inputs, labels, l2)
        optimizer.step(0.01)


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5), (4, 5, 6)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "outputs"), [*((name, 3) for name in LOSSES), (SIGMOID, 1)])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_network_before_and_after_some_training(hidden, activation, loss, outputs, l2):
    network, inputs, labels = drawn(hidden, activation, loss, outputs)
    for train in (lambda *_: None, descend):
        train(network, inputs, labels, l2)
        before = network.vector.values.copy()
        comparisons = check_network(network, inputs, labels, l2)
        assert [comparison.name for comparison in comparisons] == list(network.parameters)
        for comparison in comparisons:
            # Behind three sigmoids a gradient of 1e-8 is left, of which rounding is a large part.
            assert comparison.passed, str(comparison)
            assert comparison.mean_difference < 1e-10, str(comparison)
            assert comparison.kinks == 0
            assert comparison.analytic.shape == network.parameters[comparison.name].shape
        assert joined("all", comparisons).norm_ratio < 1e-8
        np.testing.assert_array_equal(network.vector.values, before)


def test_numbers_as_targets():
    network, inputs, _ = drawn((6,), "tanh", "mean_squared_error")
    targets = np.random.default_rng(4).normal(size=(5, 3))
    assert joined("all", check_network(network, inputs, targets)).norm_ratio < 1e-9


@pytest.mark.parametrize("entries", [1, 4, 15])
def test_some_entries_are_those_of_the_whole(entries):
    network, inputs, labels = drawn((6, 5))
    whole = check_network(network, inputs, labels)
    options = {"entries": entries, "generator": np.random.default_rng(0)}
    for all_of_it, some in zip(
        whole, check_network(network, inputs, labels, **options), strict=True
    ):
        assert some.analytic.size == some.numeric.size == min(entries, all_of_it.analytic.size)
        assert np.isin(some.analytic, all_of_it.analytic).all()
        assert np.isin(some.numeric, all_of_it.numeric).all()


def test_the_generator_alone_chooses_the_entries():
    network, inputs, labels = drawn((6, 5))
    first, again, other = (
        check_network(network, inputs, labels, entries=3, generator=np.random.default_rng(seed))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.analytic, again.analytic)
    assert (first.analytic != other.analytic).any()


def test_an_entry_on_a_kink_is_left_out_and_counted():
    """The bias of a unit that no input moves, and whose bias is zero, sits on the kink itself."""
    network, inputs, labels = drawn((6,))
    network.parameters["affine1.weight"][:, 2] = 0
    network.parameters["affine1.bias"][2] = 0
    inputs[:, 1] = 0  # the weights from it move nothing, so that they are no kinks
    kinks = {"affine1.weight": 3, "affine2.weight": 0, "affine1.bias": 1, "affine2.bias": 0}
    for comparison in check_network(network, inputs, labels):
        assert comparison.kinks == kinks[comparison.name], comparison.name
        whole = network.parameters[comparison.name].size
        assert comparison.analytic.size == comparison.numeric.size == whole - comparison.kinks
        assert comparison.norm_ratio < 1e-9, str(comparison)


def test_a_smaller_step_keeps_clear_of_a_kink_nearby():
    network, inputs, labels = drawn((6,))
    network.parameters["affine1.weight"][:, 2] = 0
    network.parameters["affine1.bias"][2] = 3e-6  # within the first step, but not the second
    for comparison in check_network(network, inputs, labels):
        assert comparison.kinks == 0
        assert comparison.norm_ratio < 1e-7, str(comparison)


def test_a_relu_by_itself_has_its_kink_at_zero():
    inputs = np.array([[0.0, 1.0, -1.0], [2.0, -0.0, 3.0]])
    (comparison,) = check_layer(ReLU(), inputs, np.random.default_rng(0))
    assert (comparison.kinks, comparison.analytic.size) == (2, 4)
    assert comparison.norm_ratio < 1e-9


class BrokenTanh(Tanh):
    """Loses its head over large inputs."""

    def _apply(self, inputs, outputs):
        super()._apply(inputs, outputs)
        outputs[inputs > 0] = np.nan


def test_a_loss_that_is_not_a_number_is_no_kink():
    (comparison,) = check_layer(BrokenTanh(), np.ones((2, 3)), np.random.default_rng(0))
    assert (comparison.kinks, comparison.verdict) == (0, "worry")


DROPOUT = (
    "gradient check: needs a loss that is the same at every pass, got dropout 0.5; "
    "check the network with dropout 0"
)


def test_dropout_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match=f"^{re.escape(DROPOUT)}$"):
        check_layer(Dropout(0.5, generator), np.ones((2, 3)), generator)
    network = Network(Architecture(4, (6, 5), 3, dropout=(0.2, 0.5)), np.float64, generator)
    with pytest.raises(ValueError, match=f"^{re.escape(DROPOUT)}$"):
        check_network(network, np.ones((1, 4)), np.array([0]))


class WrongReLU(ReLU):
    """Forgets that the gradient stops where the inputs were negative."""

    def input_gradient(self, output_gradient):
        return output_gradient


def test_a_mistake_shows():
    generator = np.random.default_rng(4)
    (comparison,) = check_layer(WrongReLU(), generator.standard_normal((6, 4)), generator)
    assert comparison.relative_error > 0.5
    assert comparison.norm_ratio > 0.1


def test_numeric_gradient_of_a_known_function():
    point = np.array([[1.0, -2.0], [0.5, 3.0]])
    gradient = numeric_gradient(lambda: float((point**3).sum()), point)
    np.testing.assert_allclose(gradient, 3 * point**2, rtol=1e-9)


MESSAGE = "^gradient check: needs float64, got float32$"


def test_float32_is_refused():
    array, generator = np.zeros((2, 3), np.float32), np.random.default_rng(0)
    network = Network(Architecture(3, (), 3))
    for check in (
        lambda: numeric_gradient(lambda: 0.0, array),
        lambda: check_layer(ReLU(), array, generator),
        lambda: check_loss(LOSSES[SIGMOID](), array, np.array([0, 1])),
        lambda: check_network(network, array, np.array([0, 1])),
    ):
        with pytest.raises(ValueError, match=MESSAGE):
            check()
