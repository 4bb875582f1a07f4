"""Activations: what makes a row of affine layers more than one affine layer.

All three have a derivative that their output alone gives, so that the output is all they keep.
"""

from abc import abstractmethod

import numpy as np

from .arrays import FloatArray, RowBuffer
from .layers import Layer


class Activation(Layer):
    """A function of each number by itself.

    Attributes:
        outputs: y (batch, units) of the last batch.
    """

    outputs: FloatArray

    def __init__(self) -> None:
        self._outputs = RowBuffer()
        self._input_gradient = RowBuffer()

    def forward(self, inputs: FloatArray, *, training: bool = False) -> FloatArray:
        """Return y (batch, units) for x of that shape; x is left as it is."""
        self.outputs = self._outputs.like(inputs)
        self._apply(inputs, self.outputs)
        return self.outputs

    @abstractmethod
    def _apply(self, inputs: FloatArray, outputs: FloatArray) -> None:
        """Fill the outputs."""


class ReLU(Activation):
    """y = max(x, 0); dx = dy where y > 0, and 0 elsewhere (at 0 as well)."""

    def _apply(self, inputs: FloatArray, outputs: FloatArray) -> None:
        np.maximum(inputs, 0, out=outputs)

    def input_gradient(self, output_gradient: FloatArray) -> FloatArray:
        """Return dx."""
        gradient = self._input_gradient.like(output_gradient)
        np.multiply(output_gradient, self.outputs > 0, out=gradient)
        return gradient


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)), dx = dy · y · (1 - y).

    Computed as ½ + ½ · tanh(x / 2), which is the same and cannot overflow.
    """

    def _apply(self, inputs: FloatArray, outputs: FloatArray) -> None:
        np.multiply(inputs, 0.5, out=outputs)
        np.tanh(outputs, out=outputs)
        outputs *= 0.5
        outputs += 0.5

    def input_gradient(self, output_gradient: FloatArray) -> FloatArray:
        """Return dx."""
        gradient = self._input_gradient.like(output_gradient)
        np.subtract(1, self.outputs, out=gradient)
        gradient *= self.outputs
        gradient *= output_gradient
        return gradient


class Tanh(Activation):
    """y = tanh(x), dx = dy · (1 - y²)."""

    def _apply(self, inputs: FloatArray, outputs: FloatArray) -> None:
        np.tanh(inputs, out=outputs)

    def input_gradient(self, output_gradient: FloatArray) -> FloatArray:
        """Return dx."""
        gradient = self._input_gradient.like(output_gradient)
        np.square(self.outputs, out=gradient)
        np.subtract(1, gradient, out=gradient)
        gradient *= output_gradient
        return gradient


ACTIVATIONS: dict[str, type[Activation]] = {"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh}
