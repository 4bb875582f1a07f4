"""Trials of a tiny study: really trained, and stored as a worker stores them."""

from __future__ import annotations

from pathlib import Path

from studyhall.model import EpochRecord
from studyhall.search.common.manifest import MANIFEST, manifest
from studyhall.search.sync.live_points import LivePoints
from studyhall.search.sync.outbox import Outbox
from studyhall.search.training.building import TrialSeed
from studyhall.search.training.record import RECORD, StoredRecord, store, value_point
from studyhall.search.training.trial import run_trial
from tests.search.training.shades import settings, shades

EPOCHS = 3


def store_trial(
    outbox: Outbox,
    number: int,
    attempt: int = 1,
    *,
    learning_rate: float = 0.1,
    live: LivePoints | None = None,
    prune: bool = False,
) -> StoredRecord:
    """Train a network for three epochs and put its record into a outbox.

    A learning rate of 1e30 makes it diverge; `prune` ends it after its first epoch.
    """
    data = shades()
    live = live or LivePoints(outbox.live(number, attempt), 15)

    def on_epoch(epoch: EpochRecord) -> str | None:
        live.show(epoch)
        return "too poor" if prune else None

    seed = TrialSeed(0, number)
    wanted = settings(learning_rate=learning_rate, epochs=EPOCHS)
    record = run_trial(wanted, data, seed, "validation_accuracy", on_epoch)
    return store(
        outbox.path(number, attempt),
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
