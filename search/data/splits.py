"""Which training examples a study trains on and which it selects by: lists of indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError


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


def split_indices(
    count: int, settings: SplitSettings, labels: npt.NDArray[np.integer[Any]] | None = None
) -> Split:
    """Split `count` examples by index.

    Shuffled, the validation examples depend on their number and the seed alone, so that studies
    with different numbers of training examples can be compared. Otherwise the first examples are
    trained on and the next ones validate.

    Args:
        count: how many examples there are.
        settings: how many to train on and to validate by, and how they are chosen.
        labels: (count,); with them a shuffled split gives each class its share of either part.

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
    seed = settings.seed
    order = _shuffled(count, seed) if labels is None else balanced_order(labels, seed)
    chosen = order[:validation], order[validation : validation + train]
    return Split(train=np.sort(chosen[1]), validation=np.sort(chosen[0]))


def balanced_order(labels: npt.NDArray[np.integer[Any]], seed: int) -> npt.NDArray[np.int64]:
    """Order examples at random, so that every beginning of the order holds a like share of classes.

    The first examples are one of each class.

    Args:
        labels: (N,).
        seed: what the order is derived from.

    Returns:
        int64 (N,), indices of `labels`.
    """
    order = _shuffled(len(labels), seed)
    shuffled = labels[order]
    position = np.empty(len(order))
    for label in np.unique(shuffled):
        of_class = np.flatnonzero(shuffled == label)
        position[of_class] = np.arange(len(of_class)) / len(of_class)
    return order[np.argsort(position, kind="stable")]


def draw_test(
    labels: npt.NDArray[np.integer[Any]], share: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Draw the examples of a test part, of each class its share.

    Of every class at least one is drawn and at least two are left: to train on and to validate by.

    Args:
        labels: (N,), at least three of each class.
        share: how much to draw, between 0 and 1.
        seed: what the choice is derived from.

    Returns:
        bool (N,), true for those drawn.
    """
    drawn = np.zeros(len(labels), np.bool_)
    order = _shuffled(len(labels), seed)
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        drawn[of_class[: min(max(round(share * len(of_class)), 1), len(of_class) - 2)]] = True
    return drawn


def _shuffled(count: int, seed: int) -> npt.NDArray[np.int64]:
    """Order indices by raw draws: NumPy promises these across releases, but not `permutation`."""
    return np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable").astype(np.int64)
