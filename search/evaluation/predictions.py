"""Classify the user's own images with a study's champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from studyhall.search.common.errors import UsageError
from studyhall.search.data.images import WHITE, read_image
from studyhall.search.evaluation.champion import champion


@dataclass(frozen=True)
class Prediction:
    """The classes of one image with their probabilities, the most probable class first."""

    picture: str
    label: str
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """The prediction as JSON holds it."""
        return asdict(self)


def classify(
    name: str,
    pictures: Sequence[Path | str],
    tracking_uri: str | None = None,
    storage: Path | str | None = None,
) -> list[Prediction]:
    """Classify images with the champion of a study.

    Args:
        name: The study.
        pictures: Image files.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.
        storage: The journal file or database of the study; by default in the working folder.

    Returns:
        A prediction for each image, in their order.

    Raises:
        UsageError: there is no champion, or an image cannot be read; all such images are named.
    """
    winner = champion(name, tracking_uri, storage)
    classifier, data = winner.classifier, winner.settings.data
    own, background = data.path is not None, data.background or WHITE
    images, problems = [], []
    for picture in pictures:
        try:
            shape = classifier.example_shape
            images.append(
                read_image(Path(picture), shape, light_on_dark=not own, background=background)
            )
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    raw = np.stack(images)
    answers = zip(pictures, classifier.predict(raw), classifier.probabilities(raw), strict=True)
    classes = classifier.classes
    return [
        _prediction(str(picture), classes[label], row.tolist(), classes)
        for picture, label, row in answers
    ]


def _prediction(picture: str, label: str, row: list[float], classes: Sequence[str]) -> Prediction:
    # Of equal probabilities, which different scores can round to, the predicted class is first.
    ranked = sorted(zip(classes, row, strict=True), key=lambda item: (-item[1], item[0] != label))
    return Prediction(picture, label, dict(ranked))
