"""A trial's record on disk: complete before it is uploaded, so that nothing can be lost."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from studyhall.model import EpochRecord, RawArray, save_checkpoint, weights_sha256
from studyhall.search.common.atomic_files import publish, temporary_name
from studyhall.search.common.errors import StudyhallError, remedy
from studyhall.search.common.manifest import MANIFEST, damage, manifest
from studyhall.search.config.section import Scalar
from studyhall.search.training import plots
from studyhall.search.training.trial import TrialRecord

CURVE_POINTS = 200
SHOWN = 500  # the most training examples in a trial's plot
EPOCH_METRICS = (
    "training_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "gradient_norm",
    "update_ratio",
    "dead_relu_share",
)
RECORD = "record.json"
ARTIFACTS = "artifacts"
WEIGHTS = "weights/model.safetensors"
INPUT_EXAMPLE = "input_example.npy"
RESTORED = "studyhall.restored"  # the tag of a record that was lost and made again
_REMEDY = "run `studyhall doctor` with --fix to have the trial trained again"


class DamagedRecordError(StudyhallError):
    """A record on disk differs from what the trial wrote."""


class Point(BaseModel):
    """One value of a metric; `step` counts iterations, `timestamp` milliseconds since 1970."""

    # JSON has no infinity and no NaN; by default pydantic would write null for them.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    key: str
    value: float
    step: int
    timestamp: int


class StoredRecord(BaseModel):
    """What the study and MLflow record of a trial, beside the files of its `artifacts` folder.

    `attempt` is the number of the attempt at the trial, from 1. `reports` are the values reported
    to the pruner by epoch, `notes` the pruner's own. `started` and `ended` are in milliseconds
    since 1970; `seconds` is the time that it trained.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    number: int
    attempt: int
    state: Literal["complete", "pruned", "failed"]
    reason: str | None
    value: float | None
    parameters: dict[str, Scalar]
    reports: dict[int, float]
    notes: dict[str, Any]
    points: tuple[Point, ...]
    tags: dict[str, str]
    started: int
    ended: int
    seconds: float


def epoch_points(epoch: EpochRecord, stride: int, timestamp: int) -> Iterator[Point]:
    """The metrics of one epoch: its own values, and every `stride`-th iteration's loss."""
    first = epoch.iteration - len(epoch.losses) + 1
    for step, loss in enumerate(epoch.losses, start=first):
        if step % stride == 0:
            yield Point(key="training_loss", value=float(loss), step=step, timestamp=timestamp)
    values = {name: getattr(epoch, name) for name in (*EPOCH_METRICS, "seconds")}
    for key, value in {"training_loss_epoch": epoch.training_loss, **values}.items():
        if value is not None and isfinite(value):
            yield Point(key=key, value=float(value), step=epoch.iteration, timestamp=timestamp)


def value_point(record: TrialRecord) -> list[Point]:
    """The trial's value as a metric; with `keep = "best"` it is not the last of its curve."""
    if record.value is None:
        return []
    step, ended = record.epochs[-1].iteration, int(record.ended * 1000)
    return [Point(key="value", value=record.value, step=step, timestamp=ended)]


def curve_stride(iterations: int) -> int:
    """The number of iterations between two points of a training curve kept as a metric."""
    return max(1, -(-iterations // CURVE_POINTS))


def store(
    folder: Path,
    record: TrialRecord,
    *,
    attempt: int,
    parameters: Mapping[str, Scalar],
    reports: Mapping[int, float],
    notes: Mapping[str, Any],
    points: tuple[Point, ...],
    tags: Mapping[str, str],
    examples: RawArray,
    labels: NDArray[np.int64],
) -> StoredRecord:
    """Write a trial's record, weights, curves and images to `folder`, all of it or nothing.

    Every file is on the disk itself, and listed in SHA256SUMS, before the folder has its name.

    Args:
        folder: The folder of the record; an older record there is replaced.
        record: The trial's result.
        attempt: The number of the attempt at the trial, from 1.
        parameters: The trial's values of the search space.
        reports: The values that were reported to the pruner, by epoch.
        notes: The pruner's own notes about the trial.
        points: Its metrics.
        tags: Its tags.
        examples: Some raw training examples (N, ...); the first is the input example of the model.
        labels: Their labels (N,).

    Raises:
        StudyhallError: the disk is full or the folder cannot be written.
    """
    temporary = temporary_name(folder)
    try:
        (temporary / ARTIFACTS).mkdir(parents=True)
        weights = _write_artifacts(temporary, record, examples, labels)
        np.save(temporary / INPUT_EXAMPLE, examples[:1])
        stored = StoredRecord(
            number=record.number,
            attempt=attempt,
            state=record.state,
            reason=record.reason,
            value=record.value,
            parameters=dict(parameters),
            reports=dict(reports),
            notes=dict(notes),
            points=points,
            tags={**tags, "studyhall.weights_sha256": weights} if weights else dict(tags),
            started=int(record.started * 1000),
            ended=int(record.ended * 1000),
            seconds=record.seconds,
        )
        (temporary / RECORD).write_text(stored.model_dump_json(), encoding="utf-8")
        (temporary / MANIFEST).write_bytes(manifest(temporary))
        publish(temporary, folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StudyhallError(
            f"{folder}: the record of trial {record.number} cannot be written: "
            f"{error.strerror or error}; {remedy(error) or 'make room'}, then launch again: the "
            "trial is trained again"
        ) from error
    return stored


def read(folder: Path) -> StoredRecord:
    """Read back a record that `store` wrote.

    Raises:
        DamagedRecordError: a file is missing, or differs from what `store` wrote.
    """
    if problem := damage(folder):
        raise DamagedRecordError(f"{problem}; {_REMEDY}")
    try:
        return StoredRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        reason = "cannot be read" if isinstance(error, OSError) else "has another form"
        raise DamagedRecordError(
            f"{folder / RECORD}: must hold a trial's record, but it {reason}; {_REMEDY}"
        ) from error


def _write_artifacts(
    folder: Path, record: TrialRecord, examples: RawArray, labels: NDArray[np.int64]
) -> str | None:
    """Write the files that a user browses; return the SHA-256 of the weights, if there are any."""
    artifacts = folder / ARTIFACTS
    settings = record.settings.model_dump_json(indent=2)
    (artifacts / "settings.json").write_text(settings + "\n", encoding="utf-8")
    _write_curve(artifacts / "training_loss.csv", record.losses)
    if record.epochs:
        title = f"trial {record.number}"
        plots.learning_curve(artifacts / "learning_curve.png", record.epochs, record.losses, title)
    if record.classifier is None:
        return None
    (folder / WEIGHTS).parent.mkdir()
    save_checkpoint(folder / WEIGHTS, record.classifier)
    if plots.fits_tiles(record.classifier.example_shape):
        weight = record.classifier.network.parameters["affine1.weight"]
        plots.first_layer_tiles(
            artifacts / "first_layer.png", weight, record.classifier.example_shape
        )
    elif record.classifier.example_shape == (2,) and len(record.classifier.classes) == 2:
        boundary = artifacts / "decision_boundary.png"
        plots.decision_boundary(boundary, record.classifier.probabilities, examples, labels)
    return weights_sha256(folder / WEIGHTS)


def _write_curve(path: Path, losses: NDArray[np.float32]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("iteration", "training_loss"))
        writer.writerows(enumerate(losses.tolist(), start=1))
