"""Gradient descent, plain and with momentum: one learning rate for every parameter."""

import numpy as np

from .optimizer import Block, Optimizer, check_share


class SGD(Optimizer):
    """Stochastic gradient descent: W <- W - lr · g."""

    def _update(self, learning_rate: float, block: Block) -> None:
        step = np.multiply(block.gradients, learning_rate, out=block.scratch)
        np.subtract(block.values, step, out=block.values)


class Momentum(Optimizer):
    """Descent along a velocity that remembers earlier gradients, in one of two conventions.

    - averaged = False: v <- beta · v + lr · g, W <- W - v. Polyak's heavy ball with the learning
      rate inside the velocity (Sutskever et al., "On the importance of initialization and momentum
      in deep learning" (2013), equations 1 and 2, with v of opposite sign). S2's.
    - averaged = True: v <- beta · v + (1 - beta) · g, W <- W - lr · v, an exponential average of
      the gradients, without correction for its start at zero. S4's; a step is 1 - beta as long as
      the other's, so that learning rates do not carry over.

    Raises:
        ValueError: momentum is not at least 0 and below 1, or the weight decay is negative.
    """

    state_names = ("velocity",)

    def __init__(
        self, momentum: float = 0.9, *, averaged: bool = False, weight_decay: float = 0.0
    ) -> None:
        super().__init__(weight_decay=weight_decay)
        check_share("momentum", momentum)
        self.momentum, self.averaged = momentum, averaged

    def _update(self, learning_rate: float, block: Block) -> None:
        values, gradients, scratch, (velocity,) = block
        velocity *= self.momentum
        if self.averaged:
            velocity += np.multiply(gradients, 1 - self.momentum, out=scratch)
            values -= np.multiply(velocity, learning_rate, out=scratch)
        else:
            velocity += np.multiply(gradients, learning_rate, out=scratch)
            values -= velocity


class Nesterov(Optimizer):
    """v <- beta · v + lr · g, then W <- W - (beta · v + lr · g), with the new v.

    Nesterov's accelerated gradient in the variables of the looked-ahead point, so that the
    gradient is taken where the parameters stand (Bengio et al. 2013, "Advances in Optimizing
    Recurrent Networks", section 3.5).

    Raises:
        ValueError: momentum is not at least 0 and below 1, or the weight decay is negative.
    """

    state_names = ("velocity",)

    def __init__(self, momentum: float = 0.9, *, weight_decay: float = 0.0) -> None:
        super().__init__(weight_decay=weight_decay)
        check_share("momentum", momentum)
        self.momentum = momentum

    def _update(self, learning_rate: float, block: Block) -> None:
        values, gradients, scratch, (velocity,) = block
        step = np.multiply(gradients, learning_rate, out=scratch)
        velocity *= self.momentum
        velocity += step
        values -= step
        values -= np.multiply(velocity, self.momentum, out=scratch)
