"""The data sets that there are, by the name that a study file gives."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Protocol

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import Collection
from studyhall.search.data.cifar10 import CIFAR10
from studyhall.search.data.mnist import MNIST
from studyhall.search.data.point_sets import FORMULAS, point_set

_PUBLISHED = {collection.name: collection for collection in (CIFAR10, MNIST)}
DATA_NAMES = tuple(sorted([*_PUBLISHED, *FORMULAS]))


class DataChoice(Protocol):
    """The part of a study file's `[data]` that decides which data set is meant."""

    @property
    def name(self) -> str:
        """The data set's name."""

    @property
    def path(self) -> str | None:
        """Where a data set of the user's own is; None of those with a name here."""

    @property
    def seed(self) -> int:
        """What points are derived from; a published data set does not depend on it."""

    @property
    def noise(self) -> float | None:
        """How far points scatter; None for what is usual of the set."""


def described(wanted: str | DataChoice | Collection) -> Collection:
    """Return the description of a data set.

    Args:
        wanted: a study file's `[data]`, a name alone (of points: those of seed 0 with their usual
            noise), or a description, which may be of a data set without a name here.

    Raises:
        UsageError: unknown name.
    """
    if isinstance(wanted, Collection):
        return wanted
    if isinstance(wanted, str):
        name, seed, noise = wanted, 0, None
    else:
        name, seed, noise = wanted.name, wanted.seed, wanted.noise
    if name in FORMULAS:
        return point_set(name, seed, noise)
    if name in _PUBLISHED:
        return _PUBLISHED[name]
    nearest = get_close_matches(name, DATA_NAMES, n=1, cutoff=0) or DATA_NAMES
    raise UsageError(
        f"data.name: must be one of {', '.join(DATA_NAMES)}, got '{name}'; "
        f"the nearest is '{nearest[0]}'; data of your own go with data.path"
    )
