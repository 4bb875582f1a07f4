"""Which training examples a study trains on and which it selects by: lists of indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from search.errors import UsageError


@dataclass(frozen=True)
class Split:
    """Disjoint indices into a data set's training examples, ascending.

    Attributes:
        train: int64 (examples,), those trained on.
        validation: int64 (examples,), those that trials are compared by.
    """

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


class SplitSettings(Protocol):
    """The part of a study file's `[data]` that decides the split."""

    @property
    def train(self) -> int:
        """How many examples to train on."""

    @property
    def validation(self) -> int:
        """How many examples to select by."""

    @property
    def shuffle(self) -> bool:
        """Whether to choose them at random."""

    @property
    def seed(self) -> int:
        """What the random choice is derived from."""


def split_indices(count: int, settings: SplitSettings) -> Split:
    """Split `count` examples by index.

    Shuffled, the validation examples depend on their number and the seed alone, so that studies
    with different numbers of training examples can be compared. Otherwise the first examples are
    trained on and the next ones validate.

    Args:
        count: how many examples there are.
        settings: how many to train on and to validate by, and how they are chosen.

    Raises:
        UsageError: a part is empty or they are larger than the data.
    """
    train, validation = settings.train, settings.validation
    if min(train, validation) < 1 or train + validation > count:
        raise UsageError(
            f"data.train and data.validation: each must be at least 1 and both together at most "
            f"{count}, got {train} and {validation}; lower data.train or data.validation"
        )
    if not settings.shuffle:
        order = np.arange(count, dtype=np.int64)
        return Split(order[:train], order[train : train + validation])
    order = _shuffled(count, settings.seed)
    chosen = order[:validation], order[validation : validation + train]
    return Split(train=np.sort(chosen[1]), validation=np.sort(chosen[0]))


def _shuffled(count: int, seed: int) -> npt.NDArray[np.int64]:
    """Order indices by raw draws: NumPy promises these across releases, but not `permutation`."""
    return np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable").astype(np.int64)
