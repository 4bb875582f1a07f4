"""A network: layers in a row, their parameters in one vector, a loss at the end."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from .activations import ACTIVATIONS
from .architecture import Architecture
from .arrays import FloatArray
from .dropout import Dropout
from .initializers import INITIALIZERS
from .labels import Labels
from .layers import Affine, Layer
from .losses import LOSSES
from .parameters import ParameterVector
from .penalties import L2Penalty


class Network:
    """A fully connected network with its loss.

    Args:
        architecture: widths, activations, dropout and loss.
        dtype: float32 or float64, of parameters, gradients and everything computed.
        generator: where the masks of dropout are drawn from, and nothing else; a network with
            dropout cannot train without one.

    Attributes:
        layers: affine layers, activations and dropout, in the order that data pass them.
        vector: all parameters and gradients, end to end; what an optimizer works on.
        parameters: views by name, such as "affine1.weight" (inputs, outputs) and "affine1.bias".
        gradients: views by the same names, as the last `loss_and_gradients` left them.
        data_loss: loss of the last batch with labels, without the L2 term.
        correct: how many examples of that batch were classified correctly.

    Raises:
        ValueError: another type.
    """

    def __init__(
        self,
        architecture: Architecture,
        dtype: DTypeLike = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        self.architecture = architecture
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: must be float32 or float64, got {self.dtype}")
        self.generator = generator
        self.vector = ParameterVector(architecture.parameter_shapes(), self.dtype)
        self.parameters = {name: views.value for name, views in self.vector.named.items()}
        self.gradients = {name: views.gradient for name, views in self.vector.named.items()}
        self.layers = list(self._build_layers())
        self.loss_function = LOSSES[architecture.loss]()
        self.data_loss, self.correct = 0.0, 0
        self._penalty = L2Penalty(self.vector)

    def _build_layers(self) -> Iterator[Layer]:
        named, architecture = self.vector.named, self.architecture
        behind = [*zip(architecture.activations, architecture.dropouts, strict=True), None]
        for number, hidden in enumerate(behind, start=1):
            name = f"affine{number}"
            yield Affine(name, named[f"{name}.weight"], named[f"{name}.bias"])
            if hidden:
                activation, rate = hidden
                yield ACTIVATIONS[activation]()
                if rate > 0:
                    yield Dropout(rate, self.generator)

    def initialize(
        self, initializer: str, generator: np.random.Generator, *, scale: float | None = None
    ) -> None:
        """Draw the weights, first layer to last, and set the biases to zero.

        The draws are float64 whatever the type of the network, so that a float32 network and its
        float64 twin start from the same numbers.

        Args:
            initializer: "normal" (scale · N(0, 1)), "he" (He et al. 2015) or "glorot" (Glorot and
                Bengio 2010); the latter two take no scale.
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

    def loss(self, inputs: FloatArray, labels: Labels, l2: float = 0.0) -> float:
        """Return the loss of a batch as it would be outside of training, without dropout.

        Args:
            inputs: preprocessed examples (batch, inputs), of the network's type.
            labels: whole numbers (batch,) from 0 to classes - 1, or one-hot rows.
            l2: strength of the penalty ½ · l2 · ‖weights‖² that is added, 0 or more.

        Raises:
            ValueError: a width or a label that does not fit the network.
        """
        logits = self._forward(inputs)
        self.data_loss = self.loss_function.value(logits, labels)
        self.correct = self.loss_function.correct(logits, labels)
        return self.data_loss + self._penalty.value(l2)

    def loss_and_gradients(self, inputs: FloatArray, labels: Labels, l2: float = 0.0) -> float:
        """Return the loss of a batch in training plus the penalty, and set `gradients` to its own.

        Args:
            inputs: as `loss` takes them.
            labels: likewise.
            l2: strength of the penalty on the weights (biases are free), 0 or more.

        Raises:
            ValueError: a width or a label that does not fit the network, or dropout without a
                generator.
        """
        logits = self._forward(inputs, training=True)
        self.data_loss, gradient = self.loss_function.value_and_gradient(logits, labels)
        self.correct = self.loss_function.correct(logits, labels)
        self._backward(gradient)
        return self.data_loss + self._penalty.add(l2)

    def _forward(self, inputs: FloatArray, *, training: bool = False) -> FloatArray:
        for layer in self.layers:
            inputs = layer.forward(inputs, training=training)
        return inputs

    def _backward(self, gradient: FloatArray) -> None:
        for layer in reversed(self.layers):
            layer.parameter_gradients(gradient)
            if layer is not self.layers[0]:
                gradient = layer.input_gradient(gradient)
