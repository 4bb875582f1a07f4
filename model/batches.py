"""Minibatches: which examples are seen together, and in what order."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from .arrays import FloatArray, IntArray, RawArray
from .examples import Examples
from .preprocessing import Preprocessing

SAMPLINGS = ("shuffle", "with_replacement")


class Batches:
    """Endless epochs of minibatches from a set of examples, in reused buffers.

    Args:
        raw: uint8 or floating (N, ...), possibly memory-mapped.
        labels: whole numbers (N,), 0 or more.
        indices: which of the N to train on, whole numbers (n,).
        preprocessing: from raw values to inputs.
        batch_size: examples a batch, at least 1.
        generator: where the order comes from, and nothing else draws from.
        sampling: "shuffle": every epoch is a new permutation, and its last batch holds what is
            left, perhaps fewer examples. "with_replacement": every batch is drawn from all
            examples anew, each as likely as any other, and an epoch is n // batch_size batches
            (at least one), as in S1.
        mirror: flip each image left to right with probability ½, anew in every batch; drawn from
            the same generator. Needs images (N, height, width, channels).
        dtype: floating type of the inputs.

    Raises:
        ValueError: an unknown sampling, a batch size below 1, arrays that do not fit together, or
            something else than images to mirror.
    """

    def __init__(
        self,
        raw: RawArray,
        labels: IntArray,
        indices: IntArray,
        preprocessing: Preprocessing,
        batch_size: int,
        generator: np.random.Generator,
        sampling: str = "shuffle",
        mirror: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if sampling not in SAMPLINGS:
            raise ValueError(f"sampling: must be one of {list(SAMPLINGS)}, got {sampling!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size: must be at least 1, got {batch_size}")
        if mirror and raw.ndim != 4:
            raise ValueError(
                f"mirror: needs images (N, height, width, channels), got shape {raw.shape}"
            )
        self.examples = Examples(raw, labels, indices, preprocessing, dtype)
        self.batch_size = batch_size
        self.sampling, self.mirror = sampling, mirror
        self.generator = generator

    @property
    def iterations_per_epoch(self) -> int:
        """Return how many batches an epoch has."""
        count = len(self.examples)
        if self.sampling == "shuffle":
            return -(-count // self.batch_size)
        return max(1, count // self.batch_size)

    def epoch(self) -> Iterator[tuple[FloatArray, IntArray]]:
        """Yield the minibatches of one epoch: inputs (batch, inputs), labels (batch,) int64.

        The inputs are overwritten by the next batch.
        """
        orders = self._shuffled() if self.sampling == "shuffle" else self._drawn()
        for order in orders:
            mirrored = self.generator.random(len(order)) < 0.5 if self.mirror else None
            yield self.examples.gather(order, mirrored)

    def _shuffled(self) -> Iterator[IntArray]:
        order = self.generator.permutation(self.examples.indices)
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def _drawn(self) -> Iterator[IntArray]:
        indices = self.examples.indices
        for _ in range(self.iterations_per_epoch):
            yield indices[self.generator.integers(len(indices), size=self.batch_size)]
