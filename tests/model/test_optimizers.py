"""One table of independent references drives every optimizer."""

import numpy as np
import pytest

from model import OPTIMIZERS, make_optimizer
from model.parameters import BLOCK_LENGTH, ParameterVector

LEARNING_RATE, MOMENTUM = 0.1, 0.8


def sgd(w, v, g):
    return w - LEARNING_RATE * g, v


def momentum(w, v, g):
    v = MOMENTUM * v + LEARNING_RATE * g
    return w - v, v


def nesterov(w, v, g):
    v = MOMENTUM * v + LEARNING_RATE * g
    return w - (MOMENTUM * v + LEARNING_RATE * g), v


REFERENCES = {"sgd": sgd, "momentum": momentum, "nesterov": nesterov}


def bound(name, size, dtype=np.float64):
    vector = ParameterVector({"weight": (size, 1)}, dtype)
    optimizer = make_optimizer(name, momentum=MOMENTUM)
    optimizer.bind(vector)
    return optimizer, vector


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("size", [3, BLOCK_LENGTH + 3])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_fifty_steps_agree_with_the_reference(name, size, dtype, rtol):
    generator = np.random.default_rng(0)
    optimizer, vector = bound(name, size, dtype)
    vector.values[...] = w = generator.normal(size=size).astype(dtype)
    w, v = w.astype(np.float64), np.zeros(size)
    for _ in range(50):
        gradient = generator.normal(size=size).astype(dtype)
        vector.gradients[...] = gradient
        optimizer.step(LEARNING_RATE)
        w, v = REFERENCES[name](w, v, gradient.astype(np.float64))
    np.testing.assert_allclose(vector.values, w, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_are_left_as_they_were(name):
    optimizer, vector = bound(name, 4)
    vector.gradients[...] = [1, 2, 3, 4]
    optimizer.step(LEARNING_RATE)
    np.testing.assert_array_equal(vector.gradients, [1, 2, 3, 4])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_bowl_is_descended(name):
    optimizer, vector = bound(name, 4)
    vector.values[...] = 5
    for _ in range(200):
        vector.gradients[...] = vector.values
        optimizer.step(LEARNING_RATE)
    assert np.abs(vector.values).max() < 1e-6


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_binding_again_forgets_the_past(name):
    optimizer, vector = bound(name, 4)
    vector.gradients[...] = 1
    optimizer.step(LEARNING_RATE)
    optimizer.bind(vector)
    assert not any(state.any() for state in optimizer.state.values())
    vector.values[...] = 0
    optimizer.step(LEARNING_RATE)
    expected, _ = REFERENCES[name](0.0, 0.0, 1.0)
    np.testing.assert_allclose(vector.values, expected)


def test_the_names_are_those_of_the_table():
    assert set(OPTIMIZERS) == set(REFERENCES)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sdg", {}, r"optimizer: must be one of \['sgd', 'momentum', 'nesterov'\], got 'sdg'"),
        ("momentum", {"momentum": 1.0}, "momentum: must be at least 0 and below 1, got 1.0"),
        ("nesterov", {"momentum": -0.1}, "got -0.1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        make_optimizer(name, **options)
