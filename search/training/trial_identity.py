"""Everything that a training's bits depend on: settings, seed, data, code and machine."""

from __future__ import annotations

import hashlib

import numpy as np
from pydantic import BaseModel, ConfigDict

from studyhall.search.common.environment import environment, numpy_blas
from studyhall.search.common.source_tree import source_digest
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import Metric
from studyhall.search.training.building import TrialSeed

# The platform names the C library, which computes powers and cosines for the schedules.
_DESCRIBED = (
    "code.version",
    "machine.cpu",
    "machine.platform",
    "machine.blas",
    "python",
    "library.numpy",
)


class TrialIdentity(BaseModel):
    """The identity of a training: two trainings with the same identity give the same bits.

    Attributes:
        settings: The SHA-256 of the trial's settings.
        seed: The study's seed.
        number: The trial's number.
        fresh: The trial of a search that is trained again, and the fresh seed; empty in a search.
        metric: The field of an epoch's record by which the best weights are kept.
        data: The fingerprint of the data.
        surroundings: The code, the machine and the libraries, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    settings: str
    seed: int
    number: int
    fresh: tuple[int, ...]
    metric: str
    data: str
    surroundings: dict[str, str]


def identify(
    settings: TrialSettings, seed: TrialSeed, metric: Metric, data_fingerprint: str
) -> TrialIdentity:
    """The identity of a training in this process, with its present number of BLAS threads."""
    # The user's own data can have moved; their fingerprint shows whether they are the same.
    told = settings.model_dump_json(exclude={"data": {"path"}})
    return TrialIdentity(
        settings=hashlib.sha256(told.encode()).hexdigest(),
        seed=seed.study,
        number=seed.number,
        fresh=tuple(seed.fresh or ()),
        metric=metric,
        data=data_fingerprint,
        surroundings=_surroundings(),
    )


def _surroundings() -> dict[str, str]:
    described = environment()
    return {
        **{name: described[name] for name in _DESCRIBED},
        "code.sources": source_digest(),
        "machine.simd": _simd(),
        "machine.blas_threads": _blas_threads(),
    }


def _simd() -> str:
    """The vector instructions that NumPy uses; virtual machines on one processor can differ."""
    extensions = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return " ".join(extensions.get("found", ()))  # NumPy leaves the entry out if there are none


def _blas_threads() -> str:
    """The number of threads of a matrix product, which decides the order of its sums."""
    return ", ".join(sorted({str(pool["num_threads"]) for pool in numpy_blas()}))
