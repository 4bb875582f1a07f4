"""A training under way, on disk: what resumes it bit for bit, or nothing at all.

One safetensors file. Its tensors are the "weights" (parameters,), the optimizer's vectors such as
"optimizer.velocity" (parameters,), the weights "kept" so far by a trial that keeps its best, the
"losses" so far, float32 (iterations,), and each number of the epochs' records, such as
"epoch.seconds" (epochs,), float64 or int64. Two metadata entries hold what else there is, as JSON,
and the CRC of this text, which in turn holds that of every tensor.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isnan
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from studyhall.model import EpochRecord, FloatArray, TrainingState
from studyhall.search.training.trial_identity import TrialIdentity

CONTENTS, CHECK = "studyhall.training", "studyhall.check"
OPTIMIZER, EPOCH = "optimizer.", "epoch."
SHARE = "dead_relu_share"  # the one number of a record that may be missing
NUMBERS = tuple(field.name for field in fields(EpochRecord) if field.name != "losses")

Tensors = dict[str, NDArray[Any]]

# What damage makes of the parts that read; an AttributeError is safetensors' way to say that NumPy
# has no such type as an 8-bit float.
_UNREADABLE = (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, eq=False)
class SavedTraining:
    """A trial between two epochs.

    Attributes:
        started: When it was first started, in seconds since 1970.
        seconds: How long it has trained.
        epochs: The records of all epochs so far, at least one.
        weights: The parameters (parameters,).
        state: What else a training needs to go on.
        kept_value: The metric of the weights that it would end with now.
        kept_weights: Those weights (parameters,) if they are not the last.
    """

    started: float
    seconds: float
    epochs: tuple[EpochRecord, ...]
    weights: FloatArray
    state: TrainingState
    kept_value: float | None
    kept_weights: FloatArray | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Word(_Part):
    state: Annotated[int, Field(ge=0, lt=2**128)]
    inc: Annotated[int, Field(ge=0, lt=2**128)]


class _Generator(_Part):
    bit_generator: Literal["PCG64"]
    state: _Word
    has_uint32: Annotated[int, Field(ge=0, le=1)]
    uinteger: Annotated[int, Field(ge=0, lt=2**32)]


class _Contents(_Part):
    """What the file holds beside its tensors; `checks` are the tensors' CRCs."""

    format: Literal[1] = 1
    identity: TrialIdentity
    started: Annotated[float, Field(allow_inf_nan=False)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    kept_value: Annotated[float, Field(allow_inf_nan=False)] | None
    iteration: Annotated[int, Field(ge=1)]
    steps: Annotated[int, Field(ge=1)]
    generators: dict[str, _Generator]
    checks: dict[str, int]


def write(path: Path, identity: TrialIdentity, saved: SavedTraining) -> None:
    """Put a training in a file, in place of an earlier one; a reader finds one of them whole.

    The file is written under a name of its own first. Should two processes ever train one trial,
    they share this name, and may leave a mixture: its CRCs are wrong, so that it is not read.

    Raises:
        OSError: the file cannot be written, as on a full disk; the earlier one stays.
    """
    content, partial = _to_bytes(identity, saved), partial_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def partial_of(path: Path) -> Path:
    """Where the file is while it is being written."""
    return path.with_name(f"{path.name}.partial")


def read(path: Path, identity: TrialIdentity, initial: FloatArray) -> SavedTraining | None:
    """Read a training back, every bit of it.

    Args:
        path: The file.
        identity: What is to be trained here and now.
        initial: The parameters (parameters,) of a network that has not been trained.

    Returns:
        The training; None if there is no file, or it is damaged, or of anything but this identity.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            contents = _contents(file.metadata() or {})
            if contents.identity != identity:
                return None
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
        whole = {name: _check(tensor) for name, tensor in tensors.items()} == contents.checks
        fits = tensors["weights"].shape == initial.shape
        return _rebuild(contents, tensors) if whole and fits else None
    except _UNREADABLE:
        return None


def _to_bytes(identity: TrialIdentity, saved: SavedTraining) -> bytes:
    state = saved.state
    tensors = {"weights": saved.weights, **_columns(saved.epochs)}
    tensors |= {f"{OPTIMIZER}{name}": vector for name, vector in state.optimizer.items()}
    if saved.kept_weights is not None:
        tensors["kept"] = saved.kept_weights
    contents = _Contents(
        identity=identity,
        started=saved.started,
        seconds=saved.seconds,
        kept_value=saved.kept_value,
        iteration=state.iteration,
        steps=state.steps,
        generators={n: _Generator.model_validate(g) for n, g in state.generators.items()},
        checks={name: _check(tensor) for name, tensor in tensors.items()},
    ).model_dump_json()
    return save(tensors, {CONTENTS: contents, CHECK: str(zlib.crc32(contents.encode()))})


def _contents(metadata: Mapping[str, str]) -> _Contents:
    text = metadata[CONTENTS]
    if metadata[CHECK] != str(zlib.crc32(text.encode())):
        raise ValueError("the file is damaged")
    return _Contents.model_validate_json(text)


def _check(tensor: NDArray[Any]) -> int:
    """The CRC of a tensor's type, shape and numbers."""
    described = f"{tensor.dtype} {tensor.shape}".encode()
    return zlib.crc32(np.ascontiguousarray(tensor).data, zlib.crc32(described))


def _rebuild(contents: _Contents, tensors: Tensors) -> SavedTraining:
    vectors = {n.removeprefix(OPTIMIZER): t for n, t in tensors.items() if n.startswith(OPTIMIZER)}
    generators = {name: g.model_dump() for name, g in contents.generators.items()}
    return SavedTraining(
        started=contents.started,
        seconds=contents.seconds,
        epochs=_epochs(tensors),
        weights=tensors["weights"],
        state=TrainingState(contents.iteration, contents.steps, vectors, generators),
        kept_value=contents.kept_value,
        kept_weights=tensors.get("kept"),
    )


def _columns(epochs: tuple[EpochRecord, ...]) -> Tensors:
    """The records as a tensor for each of their numbers, and the losses of all of them."""
    columns: Tensors = {"losses": np.concatenate([epoch.losses for epoch in epochs])}
    for name in NUMBERS:
        values = [getattr(epoch, name) for epoch in epochs]
        # A missing share becomes "not a number", which no share is.
        columns[f"{EPOCH}{name}"] = np.array(values, np.float64 if name == SHARE else None)
    return columns


def _epochs(tensors: Tensors) -> tuple[EpochRecord, ...]:
    columns = {name: tensors[f"{EPOCH}{name}"].tolist() for name in NUMBERS}
    columns[SHARE] = [None if isnan(share) else share for share in columns[SHARE]]
    stops = columns["iteration"]
    losses = [part.copy() for part in np.split(tensors["losses"], stops[:-1])]
    rows = zip(*columns.values(), strict=True)
    return tuple(
        EpochRecord(**dict(zip(NUMBERS, row, strict=True)), losses=part)
        for row, part in zip(rows, losses, strict=True)
    )
