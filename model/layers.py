"""Layers: each knows its equation, and the derivative of its equation.

A layer's `forward` keeps only what its derivative needs. The derivative has two halves, because
the first layer of a network never needs the second, and for images that half is the larger.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from .arrays import FloatArray, RowBuffer
from .parameters import Parameter


class Layer(ABC):
    """One step of a network. The arrays it returns are overwritten by its next batch.

    Attributes:
        parameters: what the layer learns, by name; none unless a layer says otherwise.
    """

    parameters: Mapping[str, Parameter] = MappingProxyType({})

    @abstractmethod
    def forward(self, inputs: FloatArray) -> FloatArray:
        """Return the outputs (batch, outputs) for inputs (batch, inputs)."""

    def parameter_gradients(self, output_gradient: FloatArray) -> None:
        """Write the gradients of the layer's own parameters, if it has any."""
        if self.parameters:
            raise NotImplementedError(f"{type(self).__name__} has no gradient for its parameters")

    @abstractmethod
    def input_gradient(self, output_gradient: FloatArray) -> FloatArray:
        """Return dLoss/dinputs (batch, inputs) for dLoss/doutputs (batch, outputs)."""


class Affine(Layer):
    """y = x W + b.

    Shapes: x (batch, inputs), W (inputs, outputs), b (outputs,), y (batch, outputs), all of one
    floating type. dW = xᵀ dy, db = the column sums of dy, dx = dy Wᵀ.
    """

    def __init__(self, name: str, weight: Parameter, bias: Parameter) -> None:
        self.name = name
        self.weight = weight
        self.bias = bias
        self.parameters = {"weight": weight, "bias": bias}
        self._outputs = RowBuffer()
        self._input_gradient = RowBuffer()

    def forward(self, inputs: FloatArray) -> FloatArray:
        """Return x W + b; keeps a reference to x.

        Raises:
            ValueError: the inputs are not (batch, inputs) of this layer.
        """
        width, units = self.weight.value.shape
        if inputs.ndim != 2 or inputs.shape[1] != width:
            raise ValueError(
                f"{self.name}: inputs must have shape (batch, {width}), got {inputs.shape}"
            )
        self._inputs = inputs
        outputs = self._outputs.rows(len(inputs), units, self.weight.value.dtype)
        np.matmul(inputs, self.weight.value, out=outputs)
        outputs += self.bias.value
        return outputs

    def parameter_gradients(self, output_gradient: FloatArray) -> None:
        """Write dW and db."""
        np.matmul(self._inputs.T, output_gradient, out=self.weight.gradient)
        np.add.reduce(output_gradient, axis=0, out=self.bias.gradient)

    def input_gradient(self, output_gradient: FloatArray) -> FloatArray:
        """Return dx."""
        width = len(self.weight.value)
        gradient = self._input_gradient.rows(len(output_gradient), width, output_gradient.dtype)
        return np.matmul(output_gradient, self.weight.value.T, out=gradient)


class ReLU(Layer):
    """y = max(x, 0); dx = dy where y > 0, and 0 elsewhere (at 0 as well)."""

    def __init__(self) -> None:
        self._outputs = RowBuffer()
        self._input_gradient = RowBuffer()

    def forward(self, inputs: FloatArray) -> FloatArray:
        """Return max(x, 0); keeps y, which says as well as x where x was positive."""
        self._kept = self._outputs.like(inputs)
        np.maximum(inputs, 0, out=self._kept)
        return self._kept

    def input_gradient(self, output_gradient: FloatArray) -> FloatArray:
        """Return dx."""
        gradient = self._input_gradient.like(output_gradient)
        np.multiply(output_gradient, self._kept > 0, out=gradient)
        return gradient


ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU}
