"""Labels of the user's own data: numbers or strings made into bytes, and the names of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.search.data.faults import listed
from studyhall.search.data.own_examples import MOST_CLASSES

Labels = dict[str, npt.NDArray[np.uint8]]


class LabelError(ValueError):
    """Labels that break rules.

    Attributes:
        problems: a sentence each.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_labels(
    told: Mapping[str, tuple[str, npt.NDArray[Any]]], named: npt.NDArray[Any] | None
) -> tuple[tuple[str, ...], Labels]:
    """Make labels into bytes.

    Args:
        told: by part, what its labels are called, and the labels: whole numbers or strings, (N,)
            or (N, 1).
        named: the names of the classes (classes,): number k is the k-th; without them the classes
            are the values of the training labels, sorted.

    Returns:
        The names of the classes, and by part uint8 (N,), positions among them.

    Raises:
        LabelError: another type or form, a value that is no class, or too few or too many.
    """
    problems = [
        f"{name}: must be whole numbers or strings (N,), got {values.dtype} {values.shape}"
        for name, values in told.values()
        if not _well_formed(values)
    ]
    problems += _misnamed(named) if named is not None else []
    if "train" not in told or problems:
        raise LabelError(problems)
    flat = {part: (name, values.reshape(-1)) for part, (name, values) in told.items()}
    train = flat["train"][1]
    numbered = train.dtype.kind != "U"
    classes = np.unique(train)
    if named is not None:
        classes = np.arange(len(named)) if numbered else np.sort(named)
    names = tuple(map(str, named if named is not None and numbered else classes))
    if not 2 <= len(names) <= MOST_CLASSES:
        rule = f"must be of 2 to {MOST_CLASSES} classes, got {len(names)}"
        problems.append(f"{flat['train'][0]}: {rule}")
    known = set(classes.tolist())
    for name, values in flat.values():
        strange = [index for index, value in enumerate(values.tolist()) if value not in known]
        if strange:
            found = listed(f"{values[index]!s} at index {index}" for index in strange)
            problems.append(f"{name}: must be one of the classes ({listed(names)}), got {found}")
    if problems:
        raise LabelError(problems)
    order = {value: label for label, value in enumerate(classes.tolist())}
    return names, {
        part: np.array([order[value] for value in values.tolist()], np.uint8)
        for part, (_, values) in flat.items()
    }


def require_enough(classes: tuple[str, ...], labels: Labels, *, drawn: bool) -> None:
    """Refuse classes that some part of the data would go without.

    Args:
        classes: the names of the classes.
        labels: by part, uint8 (N,).
        drawn: whether the test part is to be drawn from the training part.

    Raises:
        LabelError: a class has fewer examples than there are parts; every such class.
    """
    problems = []
    for part, values in labels.items():
        needed = 1 if part == "test" else 3 if drawn else 2
        counts = np.bincount(values, minlength=len(classes))
        problems += [
            f"the {part} part must have at least {needed} examples of class {name}, got {count}"
            for name, count in zip(classes, counts.tolist(), strict=True)
            if count < needed
        ]
    if problems:
        raise LabelError(problems)


def _well_formed(values: npt.NDArray[Any]) -> bool:
    flat = values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)
    return flat and values.dtype.kind in "iuU" and len(values) > 0


def _misnamed(named: npt.NDArray[Any]) -> list[str]:
    if named.ndim == 1 and named.dtype.kind == "U" and len(set(named.tolist())) == len(named):
        return []
    return [f"classes: must be different strings (classes,), got {named.dtype} {named.shape}"]
