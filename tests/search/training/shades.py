"""A data set of two classes that any network tells apart, and trials of it."""

from __future__ import annotations

from functools import cache

import numpy as np

from studyhall.model import Preprocessing
from studyhall.search.config.settings import TrialSettings
from studyhall.search.data.catalog import DatasetInfo
from studyhall.search.data.datasets import Dataset
from studyhall.search.data.splits import Split
from studyhall.search.training.building import TrainingData


@cache
def shades() -> TrainingData:
    """Sixty images of two classes that differ in brightness."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = generator.integers(0, 128, (60, 4, 4, 3)) + 100 * labels[:, None, None, None]
    info = DatasetInfo(
        name="shades",
        classes=("dark", "light"),
        example_shape=(4, 4, 3),
        batches=(),
        origin=None,
        source_url="https://example.org",
    )
    dataset = Dataset(info, images.astype(np.uint8), labels)
    split = Split(train=np.arange(40), validation=np.arange(40, 60))
    preprocessing = Preprocessing.fit(dataset.train_examples, split.train, "standardize")
    return TrainingData(dataset, split, preprocessing)


def settings(network: dict[str, object] | None = None, **training: object) -> TrialSettings:
    """Six epochs of five minibatches, where `training` says nothing else."""
    return TrialSettings.model_validate(
        {
            "data": {"name": "shades", "train": 40, "validation": 20},
            "network": {"hidden": [5], **(network or {})},
            "training": {"learning_rate": 0.1, "batch_size": 8, "epochs": 6, **training},
        }
    )
