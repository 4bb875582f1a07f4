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
    def forward(self, inputs: FloatArray, *, training: bool = False) -> FloatArray:
        """Return the outputs (batch, outputs) for inputs (batch, inputs).

        Args:
            inputs: what the layer before returned.
            training: whether a step of training follows; dropout alone tells the difference.
        """

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

    def forward(self, inputs: FloatArray, *, training: bool = False) -> FloatArray:
        """Return x W + b; keeps a reference to x.

        Raises:
            ValueError: the inputs are not (batch, inputs) of this layer, or there are none.
        """
        width, units = self.weight.value.shape
        if inputs.ndim != 2 or inputs.shape[1] != width or len(inputs) == 0:
            raise ValueError(
                f"{self.name}: inputs must have shape (batch, {width}) and at least one row, "
                f"got {inputs.shape}"
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
