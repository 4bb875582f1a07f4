import re

import numpy as np
import pytest

from studyhall.model import Affine, Layer, Parameter


def affine(dtype=np.float32):
    weight = np.arange(6, dtype=dtype).reshape(3, 2)
    bias = np.array([10, 20], dtype)
    return Affine(
        "affine1",
        Parameter(weight, np.zeros_like(weight)),
        Parameter(bias, np.zeros_like(bias)),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_affine_follows_its_equation(dtype):
    outputs = affine(dtype).forward(np.array([[1, 0, 0], [1, 1, 1]], dtype))
    np.testing.assert_array_equal(outputs, [[10, 21], [16, 29]])
    assert outputs.dtype == dtype


@pytest.mark.parametrize("shape", [(4, 2), (4, 4), (3,), (1, 1, 3), (0, 3)])
def test_affine_names_itself_and_both_widths(shape):
    message = f"affine1: inputs must have shape (batch, 3) and at least one row, got {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        affine().forward(np.zeros(shape, np.float32))


def test_a_small_batch_after_a_large_one_is_as_if_alone():
    generator = np.random.default_rng(0)
    large, small = (generator.normal(size=(n, 3)).astype(np.float32) for n in (9, 2))
    used, fresh = affine(), affine()
    gradient = np.ones_like(used.forward(large))
    used.input_gradient(gradient)
    np.testing.assert_array_equal(used.forward(small), fresh.forward(small))
    np.testing.assert_array_equal(
        used.input_gradient(gradient[:2]), fresh.input_gradient(gradient[:2])
    )


def test_a_layer_with_parameters_must_have_gradients_for_them():
    class Scale(Layer):
        parameters = {"factor": Parameter(np.ones(1), np.zeros(1))}  # noqa: RUF012

        def forward(self, inputs, *, training=False):
            return inputs * self.parameters["factor"].value

        def input_gradient(self, output_gradient):
            return output_gradient * self.parameters["factor"].value

    with pytest.raises(NotImplementedError, match="Scale has no gradient for its parameters"):
        Scale().parameter_gradients(np.ones((1, 1)))
