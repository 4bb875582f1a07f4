"""Analytic gradients beside numeric ones, for any layer, loss or network, in float64."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arrays import FloatArray, IntArray
from .layers import Layer
from .losses import SoftmaxCrossEntropy
from .network import Network

# The error of a central difference is about STEP² from the curvature and 1e-16 / STEP from
# rounding; their sum is least near here.
STEP = 1e-5


@dataclass(frozen=True, eq=False)
class Comparison:
    """Both gradients of one array, in its shape.

    Attributes:
        name: the array, such as "affine1.weight" or "inputs".
        analytic: what the code under test returned.
        numeric: central differences of its forward pass.
    """

    name: str
    analytic: FloatArray
    numeric: FloatArray

    @property
    def relative_error(self) -> float:
        """Return the largest |a - n| / max(1e-8, |a| + |n|) of all entries (CS231n, Stanford)."""
        return float(self._errors().max(initial=0.0))

    @property
    def norm_ratio(self) -> float:
        """Return ‖a - n‖ / (‖a‖ + ‖n‖), the arrays as vectors, and 0 where both are zero."""
        total = np.linalg.norm(self.analytic) + np.linalg.norm(self.numeric)
        return float(np.linalg.norm(self.analytic - self.numeric) / total) if total else 0.0

    def __str__(self) -> str:
        worst = np.unravel_index(self._errors().argmax(), self.analytic.shape)
        return (
            f"{self.name}: analytic {self.analytic[worst]:.12g}, numeric {self.numeric[worst]:.12g}"
            f" where they differ most, relative error {self.relative_error:.2g}"
        )

    def _errors(self) -> FloatArray:
        scale = np.maximum(1e-8, np.abs(self.analytic) + np.abs(self.numeric))
        return np.asarray(np.abs(self.analytic - self.numeric) / scale)


def numeric_gradient(
    function: Callable[[], float], array: FloatArray, step: float = STEP
) -> FloatArray:
    """Return d function() / d array by central differences, in the shape of the array.

    The function reads the array, whose entries are moved by ± step one at a time and put back.

    Raises:
        ValueError: the array is not float64; float32 rounds the differences away.
    """
    if array.dtype != np.float64:
        raise ValueError(f"gradient check: needs float64, got {array.dtype}")
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        original = array[index]
        array[index] = original + step
        above = function()
        array[index] = original - step
        gradient[index] = (above - function()) / (2 * step)
        array[index] = original
    return gradient


def check_layer(
    layer: Layer, inputs: FloatArray, generator: np.random.Generator
) -> list[Comparison]:
    """Compare the gradients of a layer's inputs (batch, inputs) and of each of its parameters.

    The function differentiated is the sum of the outputs, each times a random number, because a
    plain sum would hide outputs that are mixed up.
    """
    output_gradient = generator.standard_normal(layer.forward(inputs).shape)
    layer.parameter_gradients(output_gradient)
    analytic = {"inputs": layer.input_gradient(output_gradient).copy()}
    arrays = {"inputs": inputs}
    for name, parameter in layer.parameters.items():
        analytic[name], arrays[name] = parameter.gradient.copy(), parameter.value

    def function() -> float:
        return float((layer.forward(inputs) * output_gradient).sum())

    return _compare(function, arrays, analytic)


def check_loss(loss: SoftmaxCrossEntropy, logits: FloatArray, labels: IntArray) -> list[Comparison]:
    """Compare the gradients of a loss by its logits (batch, classes)."""
    loss.forward(logits, labels)
    analytic = {"logits": loss.input_gradient().copy()}
    return _compare(lambda: loss.forward(logits, labels), {"logits": logits}, analytic)


def check_network(
    network: Network, inputs: FloatArray, labels: IntArray, l2: float = 0.0
) -> list[Comparison]:
    """Compare the gradients of every parameter of a network; leaves its parameters as they were."""
    network.loss_and_gradients(inputs, labels, l2)
    analytic = {name: gradient.copy() for name, gradient in network.gradients.items()}
    return _compare(
        lambda: network.loss_and_gradients(inputs, labels, l2), network.parameters, analytic
    )


def _compare(
    function: Callable[[], float], arrays: dict[str, FloatArray], analytic: dict[str, FloatArray]
) -> list[Comparison]:
    return [
        Comparison(name, analytic[name], numeric_gradient(function, array))
        for name, array in arrays.items()
    ]
