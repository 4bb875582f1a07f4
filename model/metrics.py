"""How good the answers are, and how sure one may be of it."""

from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arrays import FloatArray, IntArray
from .labels import Labels
from .network import Network


class Score(NamedTuple):
    """Mean loss (without any penalty) and the share of correct answers."""

    loss: float
    accuracy: float


def score(network: Network, batches: Iterable[tuple[FloatArray, Labels]]) -> Score:
    """Return loss and accuracy over batches of inputs and labels, each example counting once.

    `Examples.chunks()` gives such batches.

    Raises:
        ValueError: no batches, or one that does not fit the network.
    """
    loss, correct, count = 0.0, 0, 0
    for inputs, labels in batches:
        loss += network.loss(inputs, labels) * len(labels)
        correct += network.correct
        count += len(labels)
    if count == 0:
        raise ValueError("score: needs at least one example, got none")
    return Score(loss / count, correct / count)


def accuracy(labels: IntArray, predictions: IntArray) -> float:
    """Return the share, 0 to 1, of predictions (N,) that equal the labels (N,).

    Raises:
        ValueError: the shapes differ, or there are no labels.
    """
    _check_pair(labels, predictions)
    return float((labels == predictions).mean())


def confusion_matrix(labels: IntArray, predictions: IntArray, classes: int) -> NDArray[np.int64]:
    """Return counts (classes, classes): row = true label, column = prediction.

    Raises:
        ValueError: the shapes differ, there are no labels, or one is not from 0 to classes - 1.
    """
    _check_pair(labels, predictions)
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(
                f"{name}: must be from 0 to {classes - 1}, got {values.min()} to {values.max()}"
            )
    cells = labels.astype(np.int64) * classes + predictions
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def wilson_interval(correct: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share of correct answers, each end from 0 to 1.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
    American Statistical Association 22 (1927), pages 209-212. Unlike share ± z · standard error it
    keeps its coverage near 0 and 1 on average, though not for each share: of 100 answers, 0.905 in
    place of 0.95 if the true share is 0.999.

    Raises:
        ValueError: not 0 <= correct <= total with total at least 1, or confidence outside (0, 1).
    """
    if not 0 <= correct <= total or total < 1:
        raise ValueError(f"correct: must be from 0 to total, at least 1, got {correct} of {total}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: must be above 0 and below 1, got {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = correct / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def _check_pair(labels: IntArray, predictions: IntArray) -> None:
    if labels.shape != predictions.shape or labels.ndim != 1 or len(labels) == 0:
        raise ValueError(
            f"predictions: must be as many as the labels and at least one, "
            f"got {predictions.shape} for {labels.shape}"
        )
