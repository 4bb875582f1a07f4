"""Dropout: noise that keeps units from relying on one another."""

import numpy as np
from numpy.typing import NDArray

from .arrays import FloatArray, RowBuffer
from .layers import Layer


def check_rate(rate: float) -> None:
    """Refuse a dropout rate of which nothing would be left.

    Raises:
        ValueError: not at least 0 and below 1.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: must be at least 0 and below 1, got {rate}")


class Dropout(Layer):
    """y = x · k / (1 - rate), dx = dy · k / (1 - rate); k is 0 with probability `rate`, else 1.

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", Journal
    of Machine Learning Research 15 (2014), section 4. Departing from it, the outputs are scaled up
    in training ("inverted" dropout, section 10 there), so that y = x outside of training. Write-ups
    that give the probability to keep a unit mean 1 - rate.

    Args:
        rate: probability of dropping a unit, at least 0 and below 1.
        generator: where the masks are drawn from, and nothing else; without one the layer cannot
            train.

    Raises:
        ValueError: the rate is out of its range.
    """

    def __init__(self, rate: float, generator: np.random.Generator | None = None) -> None:
        check_rate(rate)
        self.rate, self.generator = rate, generator
        self._outputs, self._input_gradient = RowBuffer(), RowBuffer()
        self._mask = RowBuffer()
        self._kept: NDArray[np.floating] | None = None

    def forward(self, inputs: FloatArray, *, training: bool = False) -> FloatArray:
        """Return y in training, and x itself otherwise; keeps the scaled mask.

        Raises:
            ValueError: training without a generator.
        """
        if not training:
            self._kept = None
            return inputs
        if self.generator is None:
            raise ValueError("dropout: training needs a generator to draw masks from, got none")
        mask = self._mask.like(inputs)
        self.generator.random(dtype=mask.dtype, out=mask)
        np.greater_equal(mask, self.rate, out=mask, casting="unsafe")
        mask *= 1 / (1 - self.rate)
        self._kept = mask
        outputs = self._outputs.like(inputs)
        np.multiply(inputs, mask, out=outputs)
        return outputs

    def input_gradient(self, output_gradient: FloatArray) -> FloatArray:
        """Return dx."""
        if self._kept is None:
            return output_gradient
        gradient = self._input_gradient.like(output_gradient)
        np.multiply(output_gradient, self._kept, out=gradient)
        return gradient
