"""What a trial leaves behind for people: pictures where there is something to picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studyhall.model import Architecture, Classifier, Network, Preprocessing
from studyhall.search.config.settings import TrialSettings
from studyhall.search.training.record import ARTIFACTS, store
from studyhall.search.training.trial import TrialRecord

SETTINGS = TrialSettings.model_validate(
    {
        "data": {"name": "any", "train": 1, "validation": 1},
        "network": {"hidden": [3]},
        "training": {"learning_rate": 0.1, "epochs": 1},
    }
)


def record(example_shape: tuple[int, ...]) -> TrialRecord:
    inputs = int(np.prod(example_shape))
    network = Network(Architecture(inputs, (3,), 2, "relu"))
    network.initialize("he", np.random.default_rng(0))
    preprocessing = Preprocessing(np.zeros(inputs), np.ones(inputs))
    dtype = np.uint8 if len(example_shape) == 3 else np.float32
    classifier = Classifier(network, preprocessing, ("0", "1"), example_shape, dtype)
    losses = np.zeros(0, np.float32)
    return TrialRecord(0, SETTINGS, "complete", None, 0.5, (), losses, classifier, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("example_shape", "pictures"),
    [
        ((4, 4, 3), {"first_layer.png"}),
        ((4, 4, 1), {"first_layer.png"}),
        ((2,), {"decision_boundary.png"}),
        ((3,), set()),
    ],
)
def test_images_show_the_first_layer_and_points_the_boundary(
    tmp_path: Path, example_shape: tuple[int, ...], pictures: set[str]
) -> None:
    folder = tmp_path / "trial"
    example = np.zeros((1, *example_shape), np.float32)
    store(
        folder,
        record(example_shape),
        attempt=1,
        parameters={},
        reports={},
        notes={},
        points=(),
        tags={},
        examples=example,
        labels=np.zeros(1, np.int64),
    )
    written = {path.name for path in (folder / ARTIFACTS).glob("*")}
    assert written == {"settings.json", "training_loss.csv", *pictures}
