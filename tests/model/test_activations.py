import numpy as np
import pytest

from studyhall.model import ACTIVATIONS, Dropout, ReLU, Sigmoid, Tanh

KNOWN = {
    "relu": ([-1.0, 0.0, 2.0], [0, 0, 2], [0, 0, 5]),
    "sigmoid": ([0.0, np.log(3), -np.log(3)], [0.5, 0.75, 0.25], [1.25, 0.9375, 0.9375]),
    "tanh": ([0.0, np.log(2), -np.log(2)], [0, 0.6, -0.6], [5, 3.2, 3.2]),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_known_values_and_an_input_left_alone(name):
    inputs, outputs, gradients = (np.array([row], float) for row in KNOWN[name])
    before, layer = inputs.copy(), ACTIVATIONS[name]()
    np.testing.assert_allclose(layer.forward(inputs), outputs, rtol=1e-14)
    np.testing.assert_allclose(layer.input_gradient(np.full((1, 3), 5.0)), gradients, rtol=1e-14)
    np.testing.assert_array_equal(inputs, before)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_inputs_overflow_nothing(name, dtype):
    layer = ACTIVATIONS[name]()
    outputs = layer.forward(np.array([[-1000, 1000]], dtype))
    assert outputs.dtype == dtype
    assert np.isfinite(outputs).all()
    assert np.isfinite(layer.input_gradient(np.ones((1, 2), dtype))).all()


@pytest.mark.parametrize("build", [ReLU, Sigmoid, Tanh])
def test_a_small_batch_after_a_large_one_is_as_if_alone(build):
    generator = np.random.default_rng(0)
    large, small = (generator.normal(size=(n, 3)).astype(np.float32) for n in (9, 2))
    used, fresh = build(), build()
    used.forward(large)
    np.testing.assert_array_equal(used.forward(small), fresh.forward(small))
    gradient = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(used.input_gradient(gradient), fresh.input_gradient(gradient))


def dropout(rate=0.25, seed=0):
    return Dropout(rate, np.random.default_rng(seed))


def test_dropout_is_off_outside_of_training():
    inputs, layer = np.ones((3, 4)), dropout()
    assert layer.forward(inputs) is inputs
    gradient = np.ones((3, 4))
    assert layer.input_gradient(gradient) is gradient


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_drops_its_share_and_scales_up_the_rest(dtype):
    inputs = np.full((200, 100), 3, dtype)
    outputs = dropout().forward(inputs, training=True)
    assert set(np.unique(outputs).tolist()) == {0, 4}
    assert outputs.dtype == dtype
    assert (outputs == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert outputs.mean() == pytest.approx(3, abs=0.05)


def test_the_gradient_passes_where_the_output_did():
    layer, inputs = dropout(0.5), np.full((20, 10), 2.0)
    outputs = layer.forward(inputs, training=True)
    np.testing.assert_array_equal(layer.input_gradient(inputs), outputs)


def test_masks_come_from_the_generator_alone():
    inputs = np.ones((5, 5))
    first, again = (dropout(0.5, 3).forward(inputs, training=True) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = dropout(0.5, 4).forward(inputs, training=True)
    assert (first != other).any()


@pytest.mark.parametrize("rate", [1.0, -0.1, float("nan")])
def test_a_rate_that_leaves_nothing_is_refused(rate):
    with pytest.raises(ValueError, match=f"^dropout: must be at least 0 and below 1, got {rate}$"):
        Dropout(rate)


def test_training_without_a_generator_is_refused():
    message = "^dropout: training needs a generator to draw masks from, got none$"
    with pytest.raises(ValueError, match=message):
        Dropout(0.5).forward(np.ones((1, 2)), training=True)
