"""A training under way, saved so that it can be resumed bit for bit after an interruption.

The file begins with a SHA-256, of the training's identity and of the rest of the file. A file that
is damaged, or of another training, code or machine, therefore has a wrong one and is not read. The
rest is a safetensors file: the "weights" (parameters,), the optimizer's vectors such as
"optimizer.velocity" (parameters,), the "kept" weights of a trial that keeps its best, the "losses"
so far, float32 (iterations,), and all that is no array, as JSON in the bytes of "contents".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from time import perf_counter

import numpy as np
from safetensors.numpy import load, save

from studyhall.model import EpochRecord, FloatArray, TrainingState
from studyhall.search.common.atomic_files import sweep, write_whole
from studyhall.search.common.environment import environment, numpy_blas
from studyhall.search.common.source_tree import source_digest
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import Metric
from studyhall.search.training.building import TrialSeed

SECONDS = 1.0  # the least time between two savings, which a killed training can lose
TIMES = 50  # the next saving waits this multiple of what the last one took: it costs 2 % at most
NUMBERS = tuple(field.name for field in fields(EpochRecord) if field.name != "losses")
_OPTIMIZER = "optimizer."
_DIGEST_BYTES = 32
# The platform names the C library, which computes powers and cosines for the schedules.
_DESCRIBED = (
    "code.version",
    "machine.cpu",
    "machine.platform",
    "machine.blas",
    "python",
    "library.numpy",
)


def identify(
    settings: TrialSettings, seed: TrialSeed, metric: Metric, data_fingerprint: str
) -> str:
    """The identity of a training in this process: two with the same one give the same bits.

    It holds the settings, the seed, the data, and the code, machine and libraries, as JSON.

    Args:
        settings: The trial's settings.
        seed: The trial's source of randomness.
        metric: The field of an epoch's record by which the best weights are kept.
        data_fingerprint: The fingerprint of the data.
    """
    # The user's own data can have moved; their fingerprint shows whether they are the same.
    told = settings.model_dump_json(exclude={"data": {"path"}})
    source = (seed.study, seed.number, seed.fresh)
    return json.dumps([told, source, metric, data_fingerprint, _surroundings()])


def _surroundings() -> dict[str, str]:
    """The code, the machine with its present number of BLAS threads, and the libraries."""
    described = environment()
    extensions = np.show_config(mode="dicts").get("SIMD Extensions", {})
    threads = {str(pool["num_threads"]) for pool in numpy_blas()}
    return {
        **{name: described[name] for name in _DESCRIBED},
        "code.sources": source_digest(),
        # NumPy's vector instructions, which can differ between virtual machines on one processor;
        # it leaves the entry out if there are none.
        "machine.simd": " ".join(extensions.get("found", ())),
        # The number of threads decides the order of the sums in a matrix product.
        "machine.blas_threads": ", ".join(sorted(threads)),
    }


@dataclass(frozen=True, eq=False)
class SavedTraining:
    """A trial between two epochs.

    Attributes:
        started: The time of its first start, in seconds since 1970.
        seconds: The time that it has trained.
        epochs: The records of all epochs so far, at least one.
        weights: The parameters (parameters,).
        state: What else a training needs to be resumed.
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


class TrainingSaver:
    """Saves a training in one file, at the end of an epoch; saving costs little and never stops it.

    Between two savings at least a second passes, and 50 times what the last one cost; the first
    comes a second after the start. A saving that fails, as on a full disk, is skipped.

    Args:
        path: The file; no other trial's.
        identity: The identity of the training; a file of any other is not read.
        clock: Seconds that only grow.
    """

    def __init__(
        self, path: Path, identity: str, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._path, self._identity, self._clock = path, identity, clock
        self._next = clock() + SECONDS

    def load(self) -> SavedTraining | None:
        """Return the training as it was last saved; None if no file of it can be read."""
        return read(self._path, self._identity)

    def offer(self, capture: Callable[[], SavedTraining]) -> None:
        """Save the training if enough time has passed since it was last saved.

        Args:
            capture: Returns the present training; called only if it is saved.
        """
        begun = self._clock()
        if begun < self._next:
            return
        with suppress(OSError):  # the training matters more; the next saving tries again
            write(self._path, self._identity, capture())
        ended = self._clock()
        self._next = ended + max(SECONDS, TIMES * (ended - begun))

    def discard(self) -> None:
        """Remove the file once the trial has ended, and what a killed process left of one."""
        with suppress(OSError):  # an old file does no harm
            self._path.unlink(missing_ok=True)
            sweep(self._path.parent, self._path.name)


def write(path: Path, identity: str, saved: SavedTraining) -> None:
    """Put a training in a file, in place of an earlier one; a reader finds one of them whole.

    Raises:
        OSError: the file cannot be written, as on a full disk; the earlier one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = _to_bytes(saved)
    write_whole(path, _digest(identity, content) + content)


def read(path: Path, identity: str) -> SavedTraining | None:
    """Read a training back, every bit of it.

    Args:
        path: The file.
        identity: The identity of the training that is about to begin.

    Returns:
        The training; None if there is no file, or it is damaged, or of anything but this identity.
    """
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    content = whole[_DIGEST_BYTES:]
    matches = _digest(identity, content) == whole[:_DIGEST_BYTES]
    return _from_bytes(content) if matches else None


def _digest(identity: str, content: bytes) -> bytes:
    return hashlib.sha256(identity.encode() + content).digest()


def _to_bytes(saved: SavedTraining) -> bytes:
    contents = {
        "started": saved.started,
        "seconds": saved.seconds,
        "kept_value": saved.kept_value,
        "epochs": [[getattr(epoch, name) for name in NUMBERS] for epoch in saved.epochs],
        "state": saved.state.to_dict(),
    }
    tensors = {
        "contents": np.frombuffer(json.dumps(contents).encode(), np.uint8),
        "weights": saved.weights,
        "losses": np.concatenate([epoch.losses for epoch in saved.epochs]),
    }
    tensors |= {f"{_OPTIMIZER}{name}": vector for name, vector in saved.state.optimizer.items()}
    if saved.kept_weights is not None:
        tensors["kept"] = saved.kept_weights
    return save(tensors)


def _from_bytes(content: bytes) -> SavedTraining:
    tensors = load(content)
    contents = json.loads(tensors.pop("contents").tobytes())
    rows = [dict(zip(NUMBERS, row, strict=True)) for row in contents["epochs"]]
    losses = np.split(tensors["losses"], [row["iteration"] for row in rows[:-1]])
    vectors = {
        n.removeprefix(_OPTIMIZER): t for n, t in tensors.items() if n.startswith(_OPTIMIZER)
    }
    return SavedTraining(
        started=contents["started"],
        seconds=contents["seconds"],
        epochs=tuple(
            EpochRecord(**row, losses=part.copy()) for row, part in zip(rows, losses, strict=True)
        ),
        weights=tensors["weights"],
        state=TrainingState(optimizer=vectors, **contents["state"]),
        kept_value=contents["kept_value"],
        kept_weights=tensors.get("kept"),
    )
