"""What a user of small networks looks at when training goes badly."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .activations import ReLU
from .arrays import FloatArray
from .labels import Labels
from .network import Network

Batch = tuple[FloatArray, Labels]


class DeadUnits:
    """Counts the ReLU units that stay silent: such a unit gets no gradient, and learns no more.

    Args:
        network: whose hidden units are watched.
    """

    def __init__(self, network: Network) -> None:
        self._layers = [layer for layer in network.layers if isinstance(layer, ReLU)]
        self._fired: list[NDArray[np.bool_]] = []

    def watch(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches, and note after each which units fired as the network read it."""
        self._fired = [np.zeros(0, np.bool_)] * len(self._layers)
        for batch in batches:
            yield batch
            active = [np.asarray((layer.outputs > 0).any(axis=0)) for layer in self._layers]
            pairs = zip(self._fired, active, strict=True)
            self._fired = [new if not len(old) else old | new for old, new in pairs]

    @property
    def share(self) -> float | None:
        """Return the share, 0 to 1, of ReLU units that fired for no example; None without ReLU."""
        units = sum(len(fired) for fired in self._fired)
        silent = sum(int(np.count_nonzero(~fired)) for fired in self._fired)
        return silent / units if units else None


def gradient_norm(network: Network) -> float:
    """Return the Euclidean norm of the last gradient, the L2 term included."""
    return float(np.linalg.norm(network.vector.gradients))


def update_ratio(network: Network, before: FloatArray) -> float:
    """Return ‖W - before‖ / ‖before‖ over all weights: about 1e-3 for a step that suits them.

    Karpathy, "CS231n: Neural Networks part 3", Stanford, section "Ratio of weights:updates".

    Args:
        network: after a step.
        before: its weights (weight_count,) before the step.
    """
    norm = float(np.linalg.norm(before))
    weights = network.vector.values[: len(before)]
    return float(np.linalg.norm(weights - before)) / norm if norm else float("inf")
