"""An analytic gradient beside a numeric one, and what their difference means."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import FloatArray

MISTAKE = 1e-5

_VERDICTS = ((1e-7, "correct"), (MISTAKE, "close"), (1e-3, "look again"))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Both gradients of one array, or of some of its entries.

    Attributes:
        name: the array, such as "affine1.weight" or "inputs".
        analytic: what the code under test returned.
        numeric: central differences of its forward pass, of the same shape.
        kinks: entries left out because a ReLU switches within the smallest step around them, so
            that there is no derivative to compare with.
    """

    name: str
    analytic: FloatArray
    numeric: FloatArray
    kinks: int = 0

    @property
    def relative_error(self) -> float:
        """Return the largest `|a - n| / max(1e-8, |a| + |n|)` of all (CS231n, Stanford)."""
        return float(self._errors().max(initial=0.0))

    @property
    def norm_ratio(self) -> float:
        """Return ‖a - n‖ / (‖a‖ + ‖n‖), the arrays as vectors, and 0 where both are zero.

        S4's difference; it takes all parameters of a network as one vector (`joined`), a step of
        1e-7, and a difference above 1.2e-7 for a mistake.
        """
        total = np.linalg.norm(self.analytic) + np.linalg.norm(self.numeric)
        return float(np.linalg.norm(self.analytic - self.numeric) / total) if total else 0.0

    @property
    def mean_difference(self) -> float:
        """Return the mean of `|a - n|` over the entries, as S5 gives it."""
        return float(np.abs(self.analytic - self.numeric).mean()) if self.analytic.size else 0.0

    @property
    def verdict(self) -> str:
        """Say what the norm ratio means, with S5's limits.

        "correct" up to 1e-7, "close" up to 1e-5, "look again" up to 1e-3, "worry" above, and where
        a gradient is not a number; "nothing compared" without entries, "all zero" if both
        gradients are.
        """
        if not self.analytic.size:
            return "nothing compared"
        if not self.analytic.any() and not self.numeric.any():
            return "all zero"
        ratio = self.norm_ratio
        return next((words for limit, words in _VERDICTS if ratio <= limit), "worry")

    @property
    def passed(self) -> bool:
        """Return whether there are gradients, and they agree: the norm ratio is 1e-5 at most."""
        return bool(self.analytic.size) and self.norm_ratio <= MISTAKE

    def __str__(self) -> str:
        if not self.analytic.size:
            return f"{self.name}: nothing to compare, {self.kinks} entries on a kink"
        worst = np.unravel_index(self._errors().argmax(), self.analytic.shape)
        return (
            f"{self.name}: analytic {self.analytic[worst]:.12g}, numeric {self.numeric[worst]:.12g}"
            f" where they differ most, relative error {self.relative_error:.2g}"
        )

    def _errors(self) -> FloatArray:
        scale = np.maximum(1e-8, np.abs(self.analytic) + np.abs(self.numeric))
        return np.asarray(np.abs(self.analytic - self.numeric) / scale)


def joined(name: str, comparisons: Sequence[Comparison]) -> Comparison:
    """Return the comparisons as one, their entries end to end in one vector."""
    return Comparison(
        name,
        np.concatenate([c.analytic.ravel() for c in comparisons]),
        np.concatenate([c.numeric.ravel() for c in comparisons]),
        sum(c.kinks for c in comparisons),
    )
