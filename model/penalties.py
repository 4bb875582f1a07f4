"""What keeps the weights small: a term of the loss that is about the parameters alone."""

import numpy as np

from .arrays import aligned_zeros
from .parameters import ParameterVector, blocks


class L2Penalty:
    """½ · l2 · ‖W‖² over all weights W of a network; biases are free.

    The factor ½ makes the gradient plain l2 · W. This is the convention of the CIFAR-10 course,
    which writes ½ · reg · ‖W‖², so that its reg is our l2; `l2_from_lambda` converts the other.
    """

    def __init__(self, vector: ParameterVector) -> None:
        count = vector.weight_count
        self._blocks = blocks(vector.values[:count], vector.gradients[:count])
        self._scratch = aligned_zeros(len(self._blocks[0][0]), vector.values.dtype)

    def value(self, l2: float) -> float:
        """Return the penalty."""
        if l2 == 0:
            return 0.0
        return 0.5 * l2 * sum(float(weights @ weights) for weights, _ in self._blocks)

    def add(self, l2: float) -> float:
        """Return the penalty, and add its gradient to the gradients of the weights."""
        if l2 == 0:
            return 0.0
        squared_norm = 0.0
        for weights, gradients in self._blocks:
            squared_norm += float(weights @ weights)
            scratch = self._scratch[: len(weights)]
            np.add(gradients, np.multiply(weights, l2, out=scratch), out=gradients)
        return 0.5 * l2 * squared_norm


def l2_from_lambda(strength: float, examples: int) -> float:
    """Return the `l2` that means the same as lambda / (2 m) · ‖W‖² over m training examples.

    Setting ½ · l2 equal to lambda / (2 m) gives l2 = lambda / m. The m is the batch of the step:
    all examples where descent takes the whole set at once.

    Args:
        strength: lambda, 0 or more.
        examples: m, at least 1.

    Raises:
        ValueError: either is out of its range.
    """
    if not 0 <= strength < float("inf") or examples < 1:
        raise ValueError(
            f"lambda and examples: must be at least 0 and at least 1, got {strength} and {examples}"
        )
    return strength / examples
