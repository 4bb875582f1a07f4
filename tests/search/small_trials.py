"""Trials of a tiny study: really trained, and stored as a worker stores them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from model import EpochRecord, Preprocessing
from search.building import TrainingData, TrialSeed
from search.datasets import Dataset, Split
from search.live_points import LivePoints
from search.manifest import MANIFEST, manifest
from search.record import RECORD, StoredRecord, store, value_point
from search.settings import TrialSettings
from search.spool import Spool
from search.trial import run_trial

EPOCHS = 3


@cache
def small_data() -> TrainingData:
    """Sixty images of two classes that differ in brightness."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = generator.integers(0, 128, (60, 4, 4, 3)) + 100 * labels[:, None, None, None]
    dataset = Dataset(
        name="shades",
        classes=("dark", "light"),
        example_shape=(4, 4, 3),
        train_examples=images.astype(np.uint8),
        train_labels=labels,
        source_url="https://example.org",
    )
    split = Split(train=np.arange(40), validation=np.arange(40, 60))
    preprocessing = Preprocessing.fit(dataset.train_examples, split.train, "standardize")
    return TrainingData(dataset, split, preprocessing)


def store_trial(
    spool: Spool,
    number: int,
    attempt: int = 1,
    *,
    learning_rate: float = 0.1,
    live: LivePoints | None = None,
    prune: bool = False,
) -> StoredRecord:
    """Train a network for three epochs and put its record into a spool.

    A learning rate of 1e30 makes it diverge; `prune` ends it after its first epoch.
    """
    data = small_data()
    live = live or LivePoints(spool.live(number, attempt), 15)
    settings = TrialSettings.model_validate(
        {
            "data": {"name": "shades", "train": 40, "validation": 20},
            "network": {"hidden": [5]},
            "training": {"learning_rate": learning_rate, "batch_size": 8, "epochs": EPOCHS},
        }
    )

    def on_epoch(epoch: EpochRecord) -> str | None:
        live.show(epoch)
        return "too poor" if prune else None

    seed = TrialSeed(0, number)
    record = run_trial(settings, data, seed, "validation_accuracy", on_epoch)
    return store(
        spool.path(number, attempt),
        record,
        attempt=attempt,
        parameters={"learning_rate": learning_rate},
        reports={},
        notes={},
        points=(*live.points, *value_point(record)),
        tags={"studyhall.seed": "0"},
        examples=data.dataset.train_examples[:10],
        labels=data.dataset.train_labels[:10],
    )


def forge(folder: Path, record: StoredRecord) -> None:
    """Enter a record with other content as if its trial had stored it."""
    (folder / RECORD).write_text(record.model_dump_json())
    (folder / MANIFEST).write_bytes(manifest(folder))
