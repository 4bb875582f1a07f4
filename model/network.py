"""A network: layers in a row, their parameters in one vector, a loss at the end."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from .architecture import Architecture
from .arrays import FloatArray, IntArray
from .initializers import INITIALIZERS
from .layers import ACTIVATIONS, Affine, Layer
from .losses import SoftmaxCrossEntropy
from .parameters import ParameterVector
from .penalties import L2Penalty


class Network:
    """A fully connected classifier with softmax cross-entropy.

    Args:
        architecture: widths and activation.
        dtype: float32 or float64, of parameters, gradients and everything computed.

    Attributes:
        vector: all parameters and gradients, end to end; what an optimizer works on.
        parameters: views by name, such as "affine1.weight" (inputs, outputs) and "affine1.bias".
        gradients: views by the same names, as the last `loss_and_gradients` left them.
        cross_entropy: mean loss of the last batch with labels, without the L2 term.
        correct: how many examples of that batch were classified correctly.
    """

    def __init__(self, architecture: Architecture, dtype: DTypeLike = np.float32) -> None:
        self.architecture = architecture
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: must be float32 or float64, got {self.dtype}")
        self.vector = ParameterVector(architecture.parameter_shapes(), self.dtype)
        self.parameters = {name: views.value for name, views in self.vector.named.items()}
        self.gradients = {name: views.gradient for name, views in self.vector.named.items()}
        self.layers = list(self._build_layers())
        self.cross_entropy, self.correct = 0.0, 0
        self._loss = SoftmaxCrossEntropy()
        self._penalty = L2Penalty(self.vector)

    def _build_layers(self) -> Iterator[Layer]:
        named = self.vector.named
        last = len(self.architecture.widths) - 1
        for number in range(1, last + 1):
            name = f"affine{number}"
            yield Affine(name, named[f"{name}.weight"], named[f"{name}.bias"])
            if number < last:
                yield ACTIVATIONS[self.architecture.activation]()

    def initialize(
        self, initializer: str, generator: np.random.Generator, *, scale: float | None = None
    ) -> None:
        """Draw the weights, first layer to last, and set the biases to zero.

        The draws are float64 whatever the type of the network, so that a float32 network and its
        float64 twin start from the same numbers.

        Args:
            initializer: "normal" (scale · N(0, 1)) or "he" (He et al. 2015; takes no scale).
            generator: where the numbers come from.
            scale: standard deviation of "normal".

        Raises:
            ValueError: unknown initializer, or a scale that does not go with it.
        """
        if initializer not in INITIALIZERS:
            raise ValueError(
                f"initializer: must be one of {sorted(INITIALIZERS)}, got {initializer!r}"
            )
        draw = INITIALIZERS[initializer]
        for value in self.parameters.values():
            value[...] = draw(value.shape, generator, scale) if value.ndim > 1 else 0

    def logits(self, inputs: FloatArray) -> FloatArray:
        """Return the scores (batch, outputs) of preprocessed inputs (batch, inputs)."""
        return self._forward(inputs).copy()

    def loss(self, inputs: FloatArray, labels: IntArray) -> float:
        """Return the mean cross-entropy of a batch, without the L2 term."""
        logits = self._forward(inputs)
        self.cross_entropy = self._loss.forward(logits, labels)
        self.correct = int(np.count_nonzero(logits.argmax(axis=1) == labels))
        return self.cross_entropy

    def loss_and_gradients(self, inputs: FloatArray, labels: IntArray, l2: float = 0.0) -> float:
        """Return the mean cross-entropy plus ½ · l2 · ‖weights‖², and set `gradients` to its own.

        Args:
            inputs: preprocessed examples (batch, inputs), of the network's type.
            labels: whole numbers (batch,) from 0 to outputs - 1.
            l2: strength of the penalty on the weights (biases are free), 0 or more.

        Raises:
            ValueError: a width or a label that does not fit the network.
        """
        loss = self.loss(inputs, labels)
        self._backward()
        return loss + self._penalty.add(l2)

    def _forward(self, inputs: FloatArray) -> FloatArray:
        for layer in self.layers:
            inputs = layer.forward(inputs)
        return inputs

    def _backward(self) -> None:
        gradient = self._loss.input_gradient()
        for layer in reversed(self.layers):
            layer.parameter_gradients(gradient)
            if layer is not self.layers[0]:
                gradient = layer.input_gradient(gradient)
