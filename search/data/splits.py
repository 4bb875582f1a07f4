"""How many examples a study trains on and selects by, and which ones: lists of indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import DatasetInfo

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings
    from studyhall.search.config.study_spec import StudySpec

_VALIDATION_SHARE = 5  # a fifth of the training part


@dataclass(frozen=True)
class Split:
    """Disjoint indices into a data set's training examples, ascending.

    Attributes:
        train: int64 (examples,), the examples to train on.
        validation: int64 (examples,), the examples that trials are compared by.
    """

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


def fill_counts(settings: DataSettings, info: DatasetInfo) -> DataSettings:
    """Fill in `train` and `validation` where a study file leaves them out.

    A fifth of the training part becomes the validation part, but at least as many examples as there
    are classes. The rest is trained on.
    """
    count = info.count("train")
    validation = settings.validation or max(count // _VALIDATION_SHARE, len(info.classes))
    # If too many are asked for, the error must quote the user's own number: so at least 1 here.
    train = settings.train or max(count - validation, 1)
    return settings.model_copy(update={"train": train, "validation": validation})


def fill_study_counts(spec: StudySpec, info: DatasetInfo) -> StudySpec:
    """Fill in `data.train` and `data.validation` of a study where it leaves them out."""
    settings = fill_counts(spec.data_settings, info)
    counts = {"train": settings.train, "validation": settings.validation}
    return spec.model_copy(update={"data": {**spec.data, **counts}})


def require_fitting(settings: DataSettings, info: DatasetInfo, *, mirror: bool = False) -> None:
    """Refuse settings that ask for something the data set does not have.

    Args:
        settings: a study file's `[data]`.
        info: the data set, from `datasets.describe`.
        mirror: whether the study mirrors examples, which only images allow.

    Raises:
        UsageError: a part is larger than the data, or the data are of the wrong kind; a line per
            mistake.
    """
    problems = []
    try:
        split_indices(info.count("train"), settings)
    except UsageError as error:
        problems.append(str(error))
    most = info.count("test")
    if settings.test is not None and settings.test > most:
        problems.append(f"data.test: must be at most {most}, got {settings.test}; lower data.test")
    if mirror and len(info.example_shape) != 3:
        problems.append(
            f"training.mirror: must be false for {info.name}, which has no images, got true"
        )
    if settings.preprocessing == "unit" and info.example_type is not np.uint8:
        problems.append(
            f"data.preprocessing: must not be 'unit' for {info.name}, whose values are not bytes; "
            "choose another"
        )
    if problems:
        raise UsageError("\n".join(problems))


def split_indices(
    count: int, settings: DataSettings, labels: npt.NDArray[np.integer[Any]] | None = None
) -> Split:
    """Split `count` examples by index.

    With `shuffle`, the validation examples depend only on their number and the seed, so that
    studies with different numbers of training examples can be compared. Without it, the first
    examples are trained on and the next ones are for validation; but where the examples are in the
    order of their classes, so that one of these parts would want classes, of each class the first
    examples are trained on and the next ones are for validation.

    Args:
        count: the number of examples.
        settings: how many to train on and to validate by, and how they are chosen.
        labels: (count,), of the user's own data; with them each class has its share of either part.

    Raises:
        UsageError: a part is empty, or they are larger than the data.
    """
    train, validation = settings.train, settings.validation
    if min(train, validation) < 1 or train + validation > count:
        raise UsageError(
            f"data.train and data.validation: each must be at least 1 and both together at most "
            f"{count}, got {train} and {validation}; lower data.train or data.validation"
        )
    if not settings.shuffle:
        first = np.arange(train + validation, dtype=np.int64)
        plain = Split(first[:train], first[train:])
        if labels is None or _holds_classes(plain, labels):
            return plain
        return _split_each_class(train, validation, labels)
    seed = settings.seed
    order = _shuffled(count, seed) if labels is None else balanced_order(labels, seed)
    chosen = order[:validation], order[validation : validation + train]
    return Split(train=np.sort(chosen[1]), validation=np.sort(chosen[0]))


def _holds_classes(split: Split, labels: npt.NDArray[np.integer[Any]]) -> bool:
    """Whether every class is trained on, and trials are compared by more than one class."""
    trained, compared = np.unique(labels[split.train]), np.unique(labels[split.validation])
    return len(trained) == len(np.unique(labels)) and len(compared) > 1


def _split_each_class(train: int, validation: int, labels: npt.NDArray[np.integer[Any]]) -> Split:
    """Split each class in the order of its examples, the last of those chosen for validation."""
    chosen = first_of_each_class(labels, train + validation)
    latest = chosen[::-1]
    rows = latest[balanced_order(labels[latest])[:validation]]
    return Split(train=np.setdiff1d(chosen, rows), validation=np.sort(rows))


def first_of_each_class(labels: npt.NDArray[np.integer[Any]], count: int) -> npt.NDArray[np.int64]:
    """Choose `count` examples, of each class its share, from the first example on.

    Returns:
        int64 (count,), ascending indices of `labels`.
    """
    return np.sort(balanced_order(labels)[:count])


def balanced_order(
    labels: npt.NDArray[np.integer[Any]], seed: int | None = None
) -> npt.NDArray[np.int64]:
    """Order examples so that any first part of the order has each class in proportion.

    The order begins with one example of each class.

    Args:
        labels: (N,).
        seed: what the order within each class is derived from; None keeps the present one.

    Returns:
        int64 (N,), indices of `labels`.
    """
    count = len(labels)
    order = np.arange(count, dtype=np.int64) if seed is None else _shuffled(count, seed)
    shuffled = labels[order]
    position = np.empty(len(order))
    for label in np.unique(shuffled):
        of_class = np.flatnonzero(shuffled == label)
        position[of_class] = np.arange(len(of_class)) / len(of_class)
    return order[np.argsort(position, kind="stable")]


def draw_test(
    labels: npt.NDArray[np.integer[Any]], share: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Choose the examples of a test part at random, a share of each class.

    Of each class at least one is chosen and at least two are left, one to train on and one to
    validate by.

    Args:
        labels: (N,), at least three of each class.
        share: the share to choose, between 0 and 1.
        seed: what the choice is derived from.

    Returns:
        bool (N,), true for those chosen.
    """
    drawn = np.zeros(len(labels), np.bool_)
    order = _shuffled(len(labels), seed)
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        drawn[of_class[: min(max(round(share * len(of_class)), 1), len(of_class) - 2)]] = True
    return drawn


def _shuffled(count: int, seed: int) -> npt.NDArray[np.int64]:
    """Order indices by raw draws, which NumPy keeps the same across releases.

    NumPy gives no such guarantee for `permutation`.
    """
    return np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable").astype(np.int64)
