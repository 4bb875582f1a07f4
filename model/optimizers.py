"""Rules that turn gradients into steps, each over the whole network as one vector."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from .arrays import FloatArray, aligned_zeros
from .parameters import ParameterVector, blocks


class Optimizer(ABC):
    """Moves parameters against their gradients; its memory is vectors as long as theirs.

    A rule is elementwise, so it is written for a stretch of the vector and applied to one
    cache-sized block after the other.

    Attributes:
        state: the vectors by name, once bound to a network; what a resumed training needs.
    """

    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.state: dict[str, FloatArray] = {}

    def bind(self, vector: ParameterVector) -> None:
        """Attach to the parameters of one network, with a fresh state of zeros."""
        values, gradients = vector.values, vector.gradients
        self.state = {name: aligned_zeros(values.shape, values.dtype) for name in self.state_names}
        self._blocks = blocks(values, gradients, *self.state.values())
        self._scratch = aligned_zeros(len(self._blocks[0][0]), values.dtype)

    def step(self, learning_rate: float) -> None:
        """Update every parameter from its gradient."""
        for values, gradients, *state in self._blocks:
            scratch = np.multiply(gradients, learning_rate, out=self._scratch[: len(gradients)])
            self._update(values, scratch, *state)

    @abstractmethod
    def _update(self, values: FloatArray, step: FloatArray, *state: FloatArray) -> None:
        """Update a block in place; `step` is learning_rate · gradient and may be overwritten."""


class SGD(Optimizer):
    """Stochastic gradient descent: W <- W - lr · g."""

    def _update(self, values: FloatArray, step: FloatArray, *state: FloatArray) -> None:
        values -= step


class Momentum(Optimizer):
    """v <- beta · v + lr · g, then W <- W - v.

    Polyak's heavy ball with the learning rate inside the velocity (Sutskever et al. 2013,
    equations 1 and 2, with v of opposite sign), not an exponential average of gradients.

    Raises:
        ValueError: momentum is not in [0, 1).
    """

    state_names = ("velocity",)

    def __init__(self, momentum: float = 0.9) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum: must be at least 0 and below 1, got {momentum}")
        self.momentum = momentum

    def _update(self, values: FloatArray, step: FloatArray, *state: FloatArray) -> None:
        self._accelerate(step, *state)
        values -= state[0]

    def _accelerate(self, step: FloatArray, velocity: FloatArray) -> None:
        velocity *= self.momentum
        velocity += step


class Nesterov(Momentum):
    """v <- beta · v + lr · g, then W <- W - (beta · v + lr · g), with the new v.

    Nesterov's accelerated gradient in the variables of the looked-ahead point, so that the
    gradient is taken where the parameters stand (Bengio et al. 2013, "Advances in Optimizing
    Recurrent Networks", section 3.5, equation 7).
    """

    def _update(self, values: FloatArray, step: FloatArray, *state: FloatArray) -> None:
        self._accelerate(step, *state)
        values -= step
        values -= np.multiply(state[0], self.momentum, out=step)


def make_optimizer(name: str, *, momentum: float = 0.9) -> Optimizer:
    """Return the optimizer called "sgd", "momentum" or "nesterov"; "sgd" ignores `momentum`.

    Raises:
        ValueError: unknown name, or momentum outside [0, 1).
    """
    if name == "sgd":
        return SGD()
    if name == "momentum":
        return Momentum(momentum)
    if name == "nesterov":
        return Nesterov(momentum)
    raise ValueError(f"optimizer: must be one of {list(OPTIMIZERS)}, got {name!r}")


OPTIMIZERS = ("sgd", "momentum", "nesterov")
