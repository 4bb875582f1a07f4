"""Labels: which class each example of a batch belongs to, as a number or as a row."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arrays import FloatArray, IntArray

Labels = IntArray | FloatArray


def class_indices(labels: NDArray[Any], batch: int, classes: int) -> IntArray:
    """Return labels as whole numbers (batch,) from 0 to classes - 1.

    Args:
        labels: such numbers, or one-hot rows (batch, classes): one 1 and otherwise 0.
        batch: how many examples there are.
        classes: how many classes there are, at least two.

    Raises:
        ValueError: the shape is neither, a label names no class, or a row is not one-hot.
    """
    if labels.ndim == 2 and labels.shape == (batch, classes) and batch > 0:
        return _from_one_hot(labels)
    if labels.shape != (batch,) or labels.dtype.kind not in "iu" or batch == 0:
        raise ValueError(
            f"labels: must be whole numbers, one for each of {batch} examples and at least one, "
            f"or one-hot rows of {classes}, got {labels.dtype} of shape {labels.shape}"
        )
    lowest, highest = labels.min(), labels.max()
    if lowest < 0 or highest >= classes:
        raise ValueError(f"labels: must be from 0 to {classes - 1}, got {lowest} to {highest}")
    return labels


def one_hot(labels: IntArray, classes: int, dtype: DTypeLike) -> FloatArray:
    """Return rows (batch, classes) of the type, 1 at the label (batch,) and 0 elsewhere."""
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def is_one_hot(labels: NDArray[Any]) -> bool:
    """Return whether labels are rows of two classes or more that hold one 1 and otherwise 0."""
    return labels.ndim == 2 and labels.shape[1] > 1 and not _not_one_hot(labels).any()


def _not_one_hot(rows: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~(((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)))


def _from_one_hot(rows: NDArray[Any]) -> IntArray:
    wrong = _not_one_hot(rows)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"labels: one-hot rows must hold one 1 and otherwise 0, so that they sum to one, "
            f"got row {row}, which sums to {rows[row].sum():g}: {rows[row].tolist()}"
        )
    return np.asarray(rows.argmax(axis=1))
