"""Optimizers that give every parameter a learning rate of its own, from its past gradients.

All of them divide by the root of a sum or an average of squared gradients, and add an epsilon to
keep from dividing by zero. There are two conventions of where: outside of the root, sqrt(h) +
epsilon, as in Kingma and Ba's algorithm 1 and in S2; and inside, sqrt(h + epsilon), as in
Goodfellow, Bengio and Courville, "Deep Learning" (2016), algorithm 8.5, and in S4. `epsilon_inside`
chooses.
"""

import numpy as np

from .arrays import FloatArray
from .optimizer import Block, Optimizer, check_share


class Adaptive(Optimizer):
    """What the adaptive rules share.

    Args:
        epsilon: at least 0; inside of the root it is in units of squared gradients.
        epsilon_inside: whether epsilon is added below the root.
        weight_decay: see `Optimizer`.

    Raises:
        ValueError: a value is out of its range.
    """

    def __init__(
        self, *, epsilon: float = 1e-7, epsilon_inside: bool = False, weight_decay: float = 0.0
    ) -> None:
        super().__init__(weight_decay=weight_decay)
        if not 0 <= epsilon < float("inf"):
            raise ValueError(f"epsilon: must be at least 0, got {epsilon}")
        self.epsilon, self.epsilon_inside = epsilon, epsilon_inside

    def _root(self, squares: FloatArray, correction: float, out: FloatArray) -> FloatArray:
        """Fill and return `out`: the divisor for squares / correction, times sqrt(correction)."""
        if self.epsilon_inside:
            np.add(squares, self.epsilon * correction, out=out)
            return np.sqrt(out, out=out)
        np.sqrt(squares, out=out)
        out += self.epsilon * float(np.sqrt(correction))
        return out


class AdaGrad(Adaptive):
    """h <- h + g², then W <- W - lr · g / root(h).

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", Journal of Machine Learning Research 12 (2011), section 1.1, with the diagonal
    of the matrix.
    """

    state_names = ("squares",)

    def _update(self, learning_rate: float, block: Block) -> None:
        values, gradients, scratch, (squares,) = block
        squares += np.square(gradients, out=scratch)
        np.divide(gradients, self._root(squares, 1, scratch), out=scratch)
        scratch *= learning_rate
        values -= scratch


class RMSprop(Adaptive):
    """h <- beta2 · h + (1 - beta2) · g², then W <- W - lr · g / root(h).

    Tieleman and Hinton, "Lecture 6.5 - RMSProp", Coursera: Neural Networks for Machine Learning
    (2012), slide 29, which uses 0.9. The average starts at zero and is not corrected for it.

    Args:
        beta2: share of the average that a step keeps, at least 0 and below 1.
        **options: see `Adaptive`.
    """

    state_names = ("squares",)

    def __init__(
        self,
        beta2: float = 0.999,
        *,
        epsilon: float = 1e-7,
        epsilon_inside: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(epsilon=epsilon, epsilon_inside=epsilon_inside, weight_decay=weight_decay)
        check_share("beta2", beta2)
        self.beta2 = beta2

    def _update(self, learning_rate: float, block: Block) -> None:
        values, gradients, scratch, (squares,) = block
        average_squares(squares, gradients, self.beta2, scratch)
        np.divide(gradients, self._root(squares, 1, scratch), out=scratch)
        scratch *= learning_rate
        values -= scratch


class Adam(Adaptive):
    """m <- beta1 m + (1 - beta1) g, h <- beta2 h + (1 - beta2) g², W <- W - lr · m' / root(h').

    m' = m / (1 - beta1^t) and h' = h / (1 - beta2^t) correct the averages of step t for their start
    at zero. Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; its
    epsilon is 1e-8. With a weight decay this is AdamW.

    Args:
        beta1: share of the average gradient that a step keeps, at least 0 and below 1.
        beta2: the same of the average square.
        **options: see `Adaptive`.
    """

    state_names = ("average", "squares")

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        epsilon: float = 1e-7,
        epsilon_inside: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(epsilon=epsilon, epsilon_inside=epsilon_inside, weight_decay=weight_decay)
        check_share("beta1", beta1)
        check_share("beta2", beta2)
        self.beta1, self.beta2 = beta1, beta2

    def _update(self, learning_rate: float, block: Block) -> None:
        values, gradients, scratch, (average, squares) = block
        average *= self.beta1
        average += np.multiply(gradients, 1 - self.beta1, out=scratch)
        average_squares(squares, gradients, self.beta2, scratch)
        # Both corrections are numbers, so they are applied to numbers rather than to the vectors.
        correction = 1 - self.beta2**self.steps
        np.divide(average, self._root(squares, correction, scratch), out=scratch)
        scratch *= learning_rate * correction**0.5 / (1 - self.beta1**self.steps)
        values -= scratch


def average_squares(
    squares: FloatArray, gradients: FloatArray, beta2: float, scratch: FloatArray
) -> None:
    """Take squared gradients into their exponential average, in place."""
    np.multiply(gradients, gradients, out=scratch)
    scratch *= 1 - beta2
    squares *= beta2
    squares += scratch
