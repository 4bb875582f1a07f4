"""What keeps the weights small: a term of the loss that is about the parameters alone."""

import numpy as np

from .arrays import aligned_zeros
from .parameters import ParameterVector, blocks


class L2Penalty:
    """½ · l2 · ‖W‖² over all weights W of a network; biases are free.

    The factor ½ makes the gradient plain l2 · W; write-ups without it mean twice our `l2` by
    theirs.
    """

    def __init__(self, vector: ParameterVector) -> None:
        count = vector.weight_count
        self._blocks = blocks(vector.values[:count], vector.gradients[:count])
        self._scratch = aligned_zeros(len(self._blocks[0][0]), vector.values.dtype)

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
