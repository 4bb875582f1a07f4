"""The few training examples that a network is checked with before a launch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.model import Examples, Preprocessing
from studyhall.search.common.errors import UsageError
from studyhall.search.config.settings import TrialSettings
from studyhall.search.data.datasets import Dataset, shown_rows, split_dataset
from studyhall.search.data.splits import balanced_order

EXAMPLES = 10
# Statistics of a thousand are close enough; those of all would take most of a second.
FITTED = 1000
# Of the mean distance between two examples; closer ones may be too alike to be told apart.
_ALIKE = 0.1
_CHUNK = 1000


def check_examples(
    dataset: Dataset, settings: TrialSettings
) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.integer[Any]]]:
    """Choose training examples of several classes, no two of them alike.

    Examples that are the same can have different labels, as in a table with few columns; no network
    can learn these by heart.

    Args:
        dataset: the data set.
        settings: how it is split and preprocessed.

    Returns:
        Preprocessed inputs float32 (examples, inputs) and labels int64 (examples,), ten at most.

    Raises:
        UsageError: all training examples are the same.
    """
    indices = split_dataset(dataset, settings.data).train
    raw, labels = dataset.train_examples, dataset.train_labels
    rows = shown_rows(dataset, indices, FITTED)
    rows = rows[balanced_order(labels[rows])]
    if (other := _first_other(raw, rows)) is None:
        if (other := _first_other(raw, indices)) is None:
            raise UsageError(_all_the_same(settings, dataset, len(indices)))
        rows = np.append(rows, other)
    fitted = Preprocessing.fit(raw, rows, settings.data.preprocessing)
    inputs, of_rows = Examples(raw, labels, rows, fitted).gather(rows)
    chosen = _unlike(inputs.astype(np.float64), of_rows)
    return inputs[chosen], of_rows[chosen]


def _first_other(raw: npt.NDArray[Any], indices: npt.NDArray[np.int64]) -> np.int64 | None:
    """Return the index of the first example that differs from the first of all."""
    for start in range(0, len(indices), _CHUNK):
        chunk = indices[start : start + _CHUNK]
        differs = (raw[chunk] != raw[indices[0]]).reshape(len(chunk), -1).any(axis=1)
        if differs.any():
            found: np.int64 = chunk[differs.argmax()]
            return found
    return None


def _unlike(inputs: npt.NDArray[np.float64], labels: npt.NDArray[np.integer[Any]]) -> list[int]:
    """Choose the first examples that are not alike, the second of another class if there is one."""
    alike = _ALIKE**2 * 2 * inputs.var(axis=0).sum()
    chosen = [0]

    def unlike(row: int) -> bool:
        return bool((np.square(inputs[chosen] - inputs[row]).sum(axis=1) > alike).all())

    others = np.flatnonzero(labels != labels[0]).tolist()
    chosen += [row for row in others if unlike(row)][:1]
    for row in range(1, len(inputs)):
        if len(chosen) == EXAMPLES:
            break
        if unlike(row):
            chosen.append(row)
    return chosen


def _all_the_same(settings: TrialSettings, dataset: Dataset, count: int) -> str:
    images = len(dataset.info.example_shape) == 3
    what = "images, such as of one colour alone" if images else "rows"
    background = ", or name another background in [data] if they are transparent" if images else ""
    return (
        f"{settings.data.name}: the training examples must differ for a network to learn from "
        f"them, got {count} of the same {what}; correct the data{background}"
    )
