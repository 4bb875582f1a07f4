"""The user's data before they are decoded: their examples, labels and classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.search.data.faults import listed
from studyhall.search.data.own_entries import NAMED, composed

MOST_CLASSES = 256  # a label is stored as a byte
Labels = dict[str, npt.NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class OwnExamples:
    """Examples by the parts of their source: "train" and "test", or "train" alone.

    Attributes:
        classes: the names of the classes, by label.
        example_shape: (height, width, channels) of images, (inputs,) of points.
        example_type: np.uint8 or np.float32.
        labels: by part, uint8 (N,).
        row: returns an example, by its part and its index there.
        files: by part, the name of each example: its file, or its array and index there.
    """

    classes: tuple[str, ...]
    example_shape: tuple[int, ...]
    example_type: type[np.uint8 | np.float32]
    labels: Mapping[str, npt.NDArray[np.uint8]]
    row: Callable[[str, int], npt.NDArray[Any]]
    files: Mapping[str, tuple[str, ...]]


class LabelError(ValueError):
    """Labels that break rules; the message has a line per mistake."""


def read_labels(
    given: Mapping[str, tuple[str, npt.NDArray[Any]]], named: npt.NDArray[Any] | None
) -> tuple[tuple[str, ...], Labels]:
    """Convert labels to class indices.

    Args:
        given: by part, the name of the array of labels, and the labels: whole numbers of any
            type, booleans, or strings, (N,) or (N, 1).
        named: the names of the classes (classes,): label k is the k-th. Without them the classes
            are the values of the training labels, sorted.

    Returns:
        The names of the classes, and by part uint8 (N,), indices of these names.

    Raises:
        LabelError: wrong type or shape, a label without a class, or too few or too many classes.
    """
    given = {part: (name, _plain(values)) for part, (name, values) in given.items()}
    named = None if named is None else _plain(named)
    problems = [
        f"{name}: must be whole numbers or strings (N,), got {values.dtype} {values.shape}"
        f"{_conversion(values)}"
        for name, values in given.values()
        if not _well_formed(values)
    ]
    problems += _misnamed(named) if named is not None else []
    if "train" not in given or problems:
        raise LabelError("\n".join(problems))
    flat = {part: (name, values.reshape(-1)) for part, (name, values) in given.items()}
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
        if named is not None and numbered and _from_one(values, len(named)):
            problems.append(
                f"{name}: must be 0 to {len(named) - 1}, since label k has the k-th name of "
                f"classes, counted from 0, got 1 to {len(named)}; subtract 1"
            )
            continue
        unknown = [index for index, value in enumerate(values.tolist()) if value not in known]
        if unknown:
            found = listed(f"{values[index]!s} at index {index}" for index in unknown)
            problems.append(f"{name}: must be one of the classes ({listed(names)}), got {found}")
    if problems:
        raise LabelError("\n".join(problems))
    order = {value: label for label, value in enumerate(classes.tolist())}
    return names, {
        part: np.array([order[value] for value in values.tolist()], np.uint8)
        for part, (_, values) in flat.items()
    }


def require_enough(classes: tuple[str, ...], labels: Labels, *, drawn: bool) -> None:
    """Refuse a class with too few examples to be in every part of a study's split.

    Args:
        classes: the names of the classes.
        labels: by part, uint8 (N,).
        drawn: whether the test part is to be drawn from the training part.

    Raises:
        LabelError: classes have fewer examples than needed; all of them are named.
    """
    problems = []
    for part, values in labels.items():
        needed = needed_per_class(part, drawn=drawn)
        counts = np.bincount(values, minlength=len(classes))
        rule = f"the {part} part must have at least {needed} examples of"
        few = [
            f"{rule} class {name}, got {count}"
            for name, count in zip(classes, counts.tolist(), strict=True)
            if count < needed
        ]
        more = [f"{rule} {len(few) - NAMED} more classes"] if len(few) > NAMED else []
        problems += few[:NAMED] + more
    if problems:
        raise LabelError("\n".join(problems))


def needed_per_class(part: str, *, drawn: bool) -> int:
    """Return how many examples of each class a part needs.

    The test part needs one. The training part needs one to train on, one to validate by and, if the
    test part is drawn from it, one to test by.
    """
    return 1 if part == "test" else 3 if drawn else 2


def _well_formed(values: npt.NDArray[Any]) -> bool:
    flat = values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)
    return flat and values.dtype.kind in "iubU" and len(values) > 0


def _plain(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return whole numbers of a floating type as integers, bytes as strings, accents composed."""
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values % 1 == 0).all():
        return values.astype(np.int64)
    if values.dtype.kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError:
            return values
    if values.dtype.kind == "U" and not all(map(str.isascii, values.ravel().tolist())):
        texts = [composed(text) for text in values.ravel().tolist()]
        return np.array(texts).reshape(values.shape)
    return values


def _conversion(values: npt.NDArray[Any]) -> str:
    """Return how to turn labels of another form into one that is read; empty if unknown."""
    if values.dtype.kind == "S":
        return "; decode them to strings"
    if values.ndim == 2 and values.shape[1] > 1 and values.dtype.kind in "iub":
        return "; store one-hot rows as .argmax(axis=1)"
    if values.dtype.kind == "f":
        return "; store a whole number for each class"
    return ""


def _from_one(values: npt.NDArray[Any], classes: int) -> bool:
    return int(values.min()) == 1 and int(values.max()) == classes


def _misnamed(named: npt.NDArray[Any]) -> list[str]:
    if named.ndim == 1 and named.dtype.kind == "U" and len(set(named.tolist())) == len(named):
        return []
    return [f"classes: must be different strings (classes,), got {named.dtype} {named.shape}"]
