"""All parameters of a network in one vector, and their gradients in another."""

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from numpy.typing import DTypeLike

from .arrays import FloatArray, aligned_zeros

# Three operands of 65,536 float32 values (256 KiB each) stay in a level-2 cache of 1 MiB, and a
# block is long enough that calling NumPy costs little. For each of S2's six optimizers and its
# 328,810 parameters, half that length takes about a tenth longer, and any longer one within 5 %.
BLOCK_LENGTH = 65_536


class Parameter(NamedTuple):
    """A named view into the parameter vector, with its view into the gradient vector."""

    value: FloatArray
    gradient: FloatArray


class ParameterVector:
    """Parameters laid end to end, so that a whole network is updated in a few long passes.

    The weights come first and the biases after them: L2 regularization, which concerns weights
    alone, then applies to one leading stretch.

    Attributes:
        values: every parameter, shape (size,).
        gradients: the gradient of each, shape (size,).
        named: parameter views by name, each in its own shape.
        weight_count: how many leading entries belong to weights.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: DTypeLike) -> None:
        ordered = sorted(shapes.items(), key=lambda item: len(item[1]) == 1)
        size = sum(prod(shape) for shape in shapes.values())
        self.values: FloatArray = aligned_zeros(size, dtype)
        self.gradients: FloatArray = aligned_zeros(size, dtype)
        self.weight_count = sum(prod(shape) for shape in shapes.values() if len(shape) > 1)
        self.named: dict[str, Parameter] = {}
        start = 0
        for name, shape in ordered:
            view = slice(start, start + prod(shape))
            self.named[name] = Parameter(
                self.values[view].reshape(shape), self.gradients[view].reshape(shape)
            )
            start = view.stop


def blocks(*vectors: FloatArray) -> list[tuple[FloatArray, ...]]:
    """Cut vectors of one length into matching views short enough to stay in the cache."""
    starts = range(0, len(vectors[0]), BLOCK_LENGTH)
    return [tuple(vector[start : start + BLOCK_LENGTH] for vector in vectors) for start in starts]
