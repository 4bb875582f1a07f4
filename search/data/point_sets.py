"""The data sets of points: drawn, not fetched, and determined by name, seed and noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import Progress
from studyhall.search.data.catalog import KINDS, SPLITS, Batch, Collection, Piece
from studyhall.search.data.integrity import digest
from studyhall.search.data.points import Points, two_blobs, two_moons

COUNT = 10_000  # points of each split
# What each split's generator is derived from beside the seed. Not 0, with which it would be the
# generator that orders the split by the same seed.
_STREAMS = {"train": 1, "test": 2}

Formula = Callable[[np.random.Generator, int, float], Points]

FORMULAS: dict[str, Formula] = {"two_blobs": two_blobs, "two_moons": two_moons}
DEFAULT_NOISE = {"two_blobs": 0.12, "two_moons": 0.2}


@dataclass(frozen=True)
class Drawn:
    """Origin and source in one: a formula; the same seed and noise give the same points.

    Attributes:
        name: what errors and the cached arrays' page call it.
        formula: (generator, count, noise) to points and labels.
        seed: what the generators are derived from, 0 to 2**32 - 1.
        noise: how far the points scatter.
    """

    name: str
    formula: Formula
    seed: int
    noise: float
    signature: str = ""
    authentic: bool = False

    def arrays(self, split: str) -> dict[str, npt.NDArray[Any]]:
        """Draw a split: "images" float32 (COUNT, 2) and "labels" uint8 (COUNT,)."""
        generator = np.random.default_rng([self.seed, _STREAMS[split]])
        points, labels = self.formula(generator, COUNT, self.noise)
        return {"images": points.astype("<f4"), "labels": labels}

    def pieces(self, progress: Progress) -> Iterator[Piece]:
        """Yield each array whole."""
        progress.start(f"Drawing {self.name}", None)
        for split in SPLITS:
            for kind, values in self.arrays(split).items():
                yield Piece(split, kind, 0, values)
                progress.advance(values.nbytes)

    def unusable(self, rule: str) -> UsageError:
        """Return the error of points that were not drawn the same twice."""
        return UsageError(f"{self.name}: {rule}; draw it again with `studyhall data fetch`")

    def named(self, collection: Collection, data_dir: Path | str | None) -> None:
        """Return None: no file takes the place of the formula."""

    def obtain(self, collection: Collection, folder: Path, progress: Progress) -> Drawn:
        """Return itself: nothing has to be downloaded."""
        return self


@cache
def point_set(name: str, seed: int = 0, noise: float | None = None) -> Collection:
    """Describe a data set of points, with the digests that its points must have.

    Args:
        name: a name in FORMULAS.
        seed: what its points are derived from, 0 to 2**32 - 1.
        noise: how far they scatter, at least 0; None for what is usual of the set.
    """
    noise = DEFAULT_NOISE[name] if noise is None else float(noise)
    drawn = Drawn(f"{name} (seed {seed}, noise {noise})", FORMULAS[name], seed, noise)
    return Collection(
        name=name,
        classes=("0", "1"),
        example_shape=(2,),
        batches=tuple(_batch(drawn, split) for split in SPLITS),
        origin=drawn,
        source_url=f"studyhall:{name}?seed={seed}&noise={noise}",
        example_type=np.float32,
        variant=f"-seed-{seed}-noise-{noise}",
    )


def _batch(drawn: Drawn, split: str) -> Batch:
    digests = {kind: digest(values) for kind, values in drawn.arrays(split).items()}
    return Batch(split, split, 0, COUNT, *(digests[kind] for kind in KINDS))
