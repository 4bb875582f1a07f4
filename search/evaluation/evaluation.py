"""Evaluate a classifier on the test split; no other module reads that split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.model import Classifier, confusion_matrix, wilson_interval
from studyhall.search.common.errors import StudyhallError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.datasets import open_dataset, open_test

CONFIDENCE = 0.95
MISTAKES = 25


@dataclass(frozen=True)
class Mistake:
    """A misclassified test example.

    Attributes:
        index: the position in the test split.
        true: the true class.
        predicted: the predicted class.
        probability: the predicted class's probability, 0 to 1.
    """

    index: int
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """The results of a classifier on the test split.

    Attributes:
        examples: the number of test examples.
        correct: the number of correctly classified examples.
        accuracy: their share, 0 to 1.
        interval: the Wilson interval of the accuracy at 95 % (Wilson 1927).
        accuracy_by_class: the share of correctly classified examples of each class, 0 to 1.
        classes: the classes in the order of `confusion`.
        confusion: counts (classes, classes); rows are true classes, columns predicted ones.
        mistakes: the most confident mistakes, the most confident first; 25 at most.
        mistaken: their raw examples (mistakes, *example_shape).
    """

    examples: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    accuracy_by_class: Mapping[str, float]
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    mistakes: tuple[Mistake, ...]
    mistaken: NDArray[Any] = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, object]:
        """The evaluation as JSON holds it, without the raw examples."""
        return {key: value for key, value in asdict(self).items() if key != "mistaken"}

    @property
    def matrix(self) -> NDArray[np.int64]:
        """The confusion matrix as an array (classes, classes)."""
        return np.array(self.confusion, np.int64)


def require_fitting(classifier: Classifier, data_folder: Path, settings: DataSettings) -> None:
    """Refuse, before the test split is read, data that the classifier cannot be evaluated on.

    The arguments are those of `evaluate`.

    Raises:
        StudyhallError: the classifier has other classes or takes other examples, or there are fewer
            test examples than the study asks for.
    """
    dataset = open_dataset(settings, data_folder)
    info, most = dataset.info, dataset.info.count("test")
    facts = {
        "classes": (tuple(info.classes), tuple(classifier.classes)),
        "shape of the examples": (tuple(info.example_shape), tuple(classifier.example_shape)),
    }
    for what, (wanted, found) in facts.items():
        if wanted != found:
            raise StudyhallError(
                f"{settings.name}: the {what} must be those of the data, {wanted}, got {found} "
                "in the champion's weights; launch the study again"
            )
    if settings.test is not None and settings.test > most:
        raise StudyhallError(
            f"{settings.name}: data.test must be at most {most}, got {settings.test}"
        )
    classifier.probabilities(np.asarray(dataset.train_examples[:1]))


def evaluate(classifier: Classifier, data_folder: Path, settings: DataSettings) -> Evaluation:
    """Evaluate a classifier on the test examples of a data set, or on as many as a study wants.

    Args:
        classifier: The classifier, with its preprocessing.
        data_folder: The folder of the data set's arrays.
        settings: The data set and the number of test examples, from the study file.
    """
    examples, labels, rows = open_test(settings, data_folder, settings.test)
    predicted = classifier.predict(examples)
    matrix = confusion_matrix(np.asarray(labels, np.int64), predicted, len(classifier.classes))
    probabilities = classifier.probabilities(examples)
    wrong = _most_confident_mistakes(probabilities, predicted, labels)
    total, correct = int(matrix.sum()), int(matrix.trace())
    shares = matrix.diagonal() / np.maximum(matrix.sum(axis=1), 1)
    return Evaluation(
        examples=total,
        correct=correct,
        accuracy=correct / total,
        interval=wilson_interval(correct, total, CONFIDENCE),
        accuracy_by_class=dict(zip(classifier.classes, map(float, shares), strict=True)),
        classes=classifier.classes,
        confusion=tuple(map(tuple, matrix.tolist())),
        mistakes=tuple(
            Mistake(
                index=int(rows[place]),
                true=classifier.classes[labels[place]],
                predicted=classifier.classes[predicted[place]],
                probability=float(probabilities[place, predicted[place]]),
            )
            for place in wrong
        ),
        mistaken=np.array(examples[wrong]),
    )


def _most_confident_mistakes(
    probabilities: NDArray[np.float32], predicted: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The positions of the most confident mistakes, the most confident first."""
    wrong = np.flatnonzero(predicted != labels)
    confidence = probabilities[wrong, predicted[wrong]]
    return wrong[np.argsort(-confidence, kind="stable")][:MISTAKES]
