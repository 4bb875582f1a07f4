"""What a network looks like: everything about it but the values of its parameters."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from .layers import ACTIVATIONS


@dataclass(frozen=True)
class Architecture:
    """A fully connected classifier: affine layers with one activation between them.

    Attributes:
        inputs: numbers in one example (3072 for a 32 x 32 RGB image).
        hidden: units of each hidden layer, first to last; empty for a linear classifier.
        outputs: classes.
        activation: name of the function behind every hidden layer, a key of `ACTIVATIONS`.

    Raises:
        ValueError: a width is not a positive whole number, or the activation is unknown.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    activation: str = "relu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for width in self.widths:
            if not isinstance(width, int) or isinstance(width, bool) or width < 1:
                raise ValueError(
                    f"architecture: widths must be whole numbers of at least 1, got {self.widths}"
                )
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation: must be one of {sorted(ACTIVATIONS)}, got {self.activation!r}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the width of every layer, from the inputs to the outputs."""
        return (self.inputs, *self.hidden, self.outputs)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter by name: weights first, then biases.

        A weight is (inputs, outputs) of its layer, so that a layer computes `x @ weight + bias`.
        """
        pairs = list(enumerate(pairwise(self.widths), start=1))
        weights = {f"affine{number}.weight": pair for number, pair in pairs}
        biases = {f"affine{number}.bias": (pair[1],) for number, pair in pairs}
        return {**weights, **biases}

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists, as JSON holds them."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Architecture":
        """Rebuild an architecture from what `to_dict` returned."""
        return cls(**values)
