"""The data sets that have a name in study files, and their descriptions."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import DatasetInfo
from studyhall.search.data.cifar10 import CIFAR10
from studyhall.search.data.mnist import MNIST
from studyhall.search.data.point_sets import FORMULAS, point_set

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

_PUBLISHED = {info.name: info for info in (CIFAR10, MNIST)}
DATA_NAMES = tuple(sorted([*_PUBLISHED, *FORMULAS]))


def dataset_info(wanted: str | DataSettings | DatasetInfo) -> DatasetInfo:
    """Return the description of a data set that has a name here.

    Args:
        wanted: a study file's `[data]`, or a name alone (for points: seed 0 and the default noise).
            A description is returned as it is.

    Raises:
        UsageError: unknown name.
    """
    if isinstance(wanted, DatasetInfo):
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
        f"the nearest is '{nearest[0]}'; for your own data set data.path"
    )
