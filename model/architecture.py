"""What a network looks like: everything about it but the values of its parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from .activations import ACTIVATIONS
from .dropout import check_rate
from .losses import LOSSES


@dataclass(frozen=True)
class Architecture:
    """A fully connected network: affine layers, with an activation and dropout behind hidden ones.

    Attributes:
        inputs: numbers in one example (3072 for a 32 x 32 RGB image).
        hidden: units of each hidden layer, first to last; empty for a linear network.
        outputs: numbers in one answer: the classes, or 1 for two classes told apart by one sigmoid.
        activation: name of the function behind each hidden layer, a key of `ACTIVATIONS`; one
            name stands for all of them.
        dropout: probability of dropping a unit of each hidden layer in training, at least 0 and
            below 1; one number stands for all of them.
        loss: what training makes small, a key of `LOSSES`.

    Raises:
        ValueError: a width is not a positive whole number, a name is unknown, a rate out of its
            range, a list not as long as `hidden`, or a softmax has fewer than two outputs.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    activation: str | Sequence[str] = "relu"
    dropout: float | Sequence[float] = 0.0
    loss: str = "softmax_cross_entropy"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        # One for each layer from here on, so that equal networks have equal architectures.
        object.__setattr__(self, "activation", self.activations)
        object.__setattr__(self, "dropout", self.dropouts)
        for width in self.widths:
            if not isinstance(width, int) or isinstance(width, bool) or width < 1:
                raise ValueError(
                    f"architecture: widths must be whole numbers of at least 1, got {self.widths}"
                )
        if len(self.activations) != len(self.hidden) or len(self.dropouts) != len(self.hidden):
            raise ValueError(
                f"activation and dropout: must be one for all or one for each of the "
                f"{len(self.hidden)} hidden layers, got {self.activation!r} and {self.dropout!r}"
            )
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise ValueError(f"activation: must be one of {sorted(ACTIVATIONS)}, got {name!r}")
        for rate in self.dropouts:
            check_rate(rate)
        if self.loss not in LOSSES:
            raise ValueError(f"loss: must be one of {sorted(LOSSES)}, got {self.loss!r}")
        if self.loss == "softmax_cross_entropy" and self.outputs < 2:
            raise ValueError(f"outputs: must be at least 2 for a softmax, got {self.outputs}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the width of every layer, from the inputs to the outputs."""
        return (self.inputs, *self.hidden, self.outputs)

    @property
    def activations(self) -> tuple[str, ...]:
        """Return the name of the activation behind each hidden layer."""
        if isinstance(self.activation, str):
            return (self.activation,) * len(self.hidden)
        return tuple(self.activation)

    @property
    def dropouts(self) -> tuple[float, ...]:
        """Return the dropout rate behind each hidden layer."""
        if isinstance(self.dropout, Sequence):
            return tuple(self.dropout)
        return (self.dropout,) * len(self.hidden)

    @property
    def classes(self) -> int:
        """Return how many classes the outputs tell apart: two where there is one output."""
        return max(self.outputs, 2)

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
        return {
            **asdict(self),
            "hidden": list(self.hidden),
            "activation": list(self.activation),
            "dropout": list(self.dropouts),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Architecture":
        """Rebuild an architecture from what `to_dict` returned."""
        return cls(**values)
