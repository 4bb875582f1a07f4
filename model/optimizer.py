"""What all optimizers share: a rule for a stretch of the parameters, and the memory it needs."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .arrays import FloatArray, aligned_zeros
from .parameters import ParameterVector, blocks


class Block(NamedTuple):
    """A stretch of a network's parameters that fits the cache, (length,) each.

    Attributes:
        values: the parameters.
        gradients: theirs.
        scratch: as long, may hold anything and be overwritten.
        state: the optimizer's vectors, in the order of `state_names`.
    """

    values: FloatArray
    gradients: FloatArray
    scratch: FloatArray
    state: tuple[FloatArray, ...]


class Optimizer(ABC):
    """Moves parameters against their gradients; its memory is vectors as long as theirs.

    A rule is elementwise, so it is written for a stretch of the vector and applied to one
    cache-sized block after the other.

    Args:
        weight_decay: share, for a learning rate of 1, by which each step shrinks the weights
            before it does anything else: W <- (1 - lr · weight_decay) · W. It does not pass
            through the gradients, so that no rule rescales it (Loshchilov and Hutter, "Decoupled
            Weight Decay Regularization" (2019), algorithm 2, whose lambda is our weight_decay
            times their alpha, and whose alpha times the schedule multiplier is our learning rate).
            Biases are free of it, as they are of the L2 penalty.

    Attributes:
        state: the vectors by name, once bound to a network; what a resumed training needs.
        steps: how many steps were taken; likewise.

    Raises:
        ValueError: the weight decay is negative or not finite.
    """

    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, weight_decay: float = 0.0) -> None:
        if not 0 <= weight_decay < float("inf"):
            raise ValueError(f"weight_decay: must be at least 0, got {weight_decay}")
        self.weight_decay = weight_decay
        self.state: dict[str, FloatArray] = {}
        self.steps = 0

    def bind(self, vector: ParameterVector) -> None:
        """Attach to the parameters of one network, with a fresh state of zeros."""
        values, gradients = vector.values, vector.gradients
        self.state = {name: aligned_zeros(values.shape, values.dtype) for name in self.state_names}
        self.steps = 0
        self._weights = values[: vector.weight_count]
        self._blocks = list(self._cut(values, gradients))

    def _cut(self, values: FloatArray, gradients: FloatArray) -> Iterator[Block]:
        stretches = blocks(values, gradients, *self.state.values())
        scratch = aligned_zeros(len(stretches[0][0]), values.dtype)
        for value, gradient, *state in stretches:
            yield Block(value, gradient, scratch[: len(value)], tuple(state))

    def step(self, learning_rate: float) -> None:
        """Update every parameter from its gradient."""
        self.steps += 1
        if self.weight_decay:
            self._weights *= 1 - learning_rate * self.weight_decay
        for block in self._blocks:
            self._update(learning_rate, block)

    @abstractmethod
    def _update(self, learning_rate: float, block: Block) -> None:
        """Update the values and the state of a block in place."""


def check_share(name: str, value: float) -> None:
    """Refuse a coefficient of a moving average that is out of its range.

    Raises:
        ValueError: not at least 0 and below 1.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name}: must be at least 0 and below 1, got {value}")
