"""One table holds every layer; a new layer's gradients are tested by adding its row."""

import numpy as np
import pytest

from model import (
    ACTIVATIONS,
    LOSSES,
    Affine,
    Architecture,
    Comparison,
    Network,
    Parameter,
    ReLU,
    check_layer,
    check_loss,
    check_network,
    numeric_gradient,
)


def affine():
    generator = np.random.default_rng(0)
    weight, bias = generator.standard_normal((4, 5)), generator.standard_normal(5)
    return Affine("affine1", Parameter(weight, np.zeros((4, 5))), Parameter(bias, np.zeros(5)))


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


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5), (4, 5, 6)])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_network(hidden, l2):
    generator = np.random.default_rng(3)
    network = Network(Architecture(4, hidden, 3), np.float64)
    # Random biases too: zero ones put a unit behind dead units exactly on the kink of its ReLU.
    network.vector.values[...] = generator.normal(scale=0.5, size=len(network.vector.values))
    before = network.vector.values.copy()
    inputs, labels = generator.normal(size=(5, 4)), np.array([0, 1, 2, 2, 1])
    comparisons = check_network(network, inputs, labels, l2)
    assert [comparison.name for comparison in comparisons] == list(network.parameters)
    for comparison in comparisons:
        assert comparison.norm_ratio < 1e-9, str(comparison)
    np.testing.assert_array_equal(network.vector.values, before)


class WrongReLU(ReLU):
    """Forgets that the gradient stops where the inputs were negative."""

    def input_gradient(self, output_gradient):
        return output_gradient


def test_a_mistake_shows():
    generator = np.random.default_rng(4)
    (comparison,) = check_layer(WrongReLU(), generator.standard_normal((6, 4)), generator)
    assert comparison.relative_error > 0.5
    assert comparison.norm_ratio > 0.1


def test_both_numbers_are_shown():
    comparison = Comparison("weight", np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    assert str(comparison) == (
        "weight: analytic 2, numeric 2.5 where they differ most, relative error 0.11"
    )


def test_equal_zeros_have_no_error():
    comparison = Comparison("bias", np.zeros(3), np.zeros(3))
    assert (comparison.relative_error, comparison.norm_ratio) == (0, 0)


def test_numeric_gradient_of_a_known_function():
    point = np.array([[1.0, -2.0], [0.5, 3.0]])
    gradient = numeric_gradient(lambda: float((point**3).sum()), point)
    np.testing.assert_allclose(gradient, 3 * point**2, rtol=1e-9)


def test_float32_is_refused():
    with pytest.raises(ValueError, match="gradient check: needs float64, got float32"):
        numeric_gradient(lambda: 0.0, np.zeros(3, np.float32))
