"""Generated data sets of points in the plane, determined by name, seed and noise."""

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
from studyhall.search.data.catalog import KINDS, SPLITS, Batch, DatasetInfo, Piece
from studyhall.search.data.integrity import digest

COUNT = 10_000  # points of each split
# A split's generator is seeded with the study's seed and its number here. 0 is not used, because
# with it the generator would be the one that orders the split by the same seed.
_STREAMS = {"train": 1, "test": 2}
# Of the blobs: half the distance between the long axes of the two classes, and the standard
# deviation along these axes.
_HALF_GAP = 0.15
_LENGTH = 0.25

Points = tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]
Formula = Callable[[np.random.Generator, int, float], Points]


def two_moons(generator: np.random.Generator, count: int, noise: float) -> Points:
    """Draw points from two half circles that reach into each other.

    Class 0 is (cos t, sin t), class 1 is (1 - cos t, 1/2 - sin t), with t uniform in [0, pi) and
    noise · N(0, 1) added to each coordinate. The geometry is that of scikit-learn's `make_moons`.
    There t has equal steps instead, so that two sets would not be independent of each other.

    Args:
        generator: the source of randomness.
        count: number of points; half of them, rounded down, are of class 1.
        noise: standard deviation of each coordinate about its half circle, at least 0.

    Returns:
        Points float64 (count, 2) and labels uint8 (count,), in random order.
    """
    labels = _labels(generator, count)
    angles = generator.uniform(0, np.pi, count)
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.where(labels[:, None] == 0, upper, [1, 0.5] - upper)
    return points + noise * generator.standard_normal((count, 2)), labels


def two_blobs(generator: np.random.Generator, count: int, noise: float) -> Points:
    """Draw points from two stretched clouds on the two sides of the diagonal x1 = x2.

    A point is (a + b, a - b) / sqrt(2), where a = N(0, 1) / 4 is its place along the diagonal and
    b = ±0.15 + noise · N(0, 1), + for class 1, its distance from it. No classifier does better than
    the diagonal, which is right with probability Phi(0.15 / noise).

    Args:
        generator: the source of randomness.
        count: number of points; half of them, rounded down, are of class 1.
        noise: standard deviation across the diagonal, at least 0.

    Returns:
        Points float64 (count, 2) and labels uint8 (count,), in random order.
    """
    labels = _labels(generator, count)
    along = _LENGTH * generator.standard_normal(count)
    side = np.where(labels == 1, _HALF_GAP, -_HALF_GAP)
    across = side + noise * generator.standard_normal(count)
    return np.stack([along + across, along - across], axis=1) / np.sqrt(2), labels


def _labels(generator: np.random.Generator, count: int) -> npt.NDArray[np.uint8]:
    """Return as many zeros as ones, shuffled, so that any stretch of them holds both classes."""
    return generator.permutation(np.arange(count) % 2).astype(np.uint8)


FORMULAS: dict[str, Formula] = {"two_blobs": two_blobs, "two_moons": two_moons}
DEFAULT_NOISE = {"two_blobs": 0.12, "two_moons": 0.2}


@dataclass(frozen=True)
class PointFormula:
    """Origin and source of a point set: the same seed and noise give the same points.

    Attributes:
        name: how errors and the cached arrays' about.json call it.
        formula: maps (generator, count, noise) to points and labels.
        seed: what the generators are seeded with, 0 to 2**32 - 1.
        noise: standard deviation of the points about their shape.
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
        """Return the error of points that differ from those drawn before."""
        return UsageError(f"{self.name}: {rule}; draw it again with `studyhall data fetch`")

    def named(self, info: DatasetInfo, data_dir: Path | str | None) -> None:
        """Return None, because no file replaces the formula."""

    def obtain(self, info: DatasetInfo, folder: Path, progress: Progress) -> PointFormula:
        """Return itself, because nothing has to be downloaded."""
        return self


@cache
def point_set(name: str, seed: int = 0, noise: float | None = None) -> DatasetInfo:
    """Describe a data set of points, with the digests that its points must have.

    Args:
        name: a name in FORMULAS.
        seed: what its points are derived from, 0 to 2**32 - 1.
        noise: standard deviation of the points, at least 0; None for the set's default.
    """
    noise = DEFAULT_NOISE[name] if noise is None else float(noise)
    drawn = PointFormula(f"{name} (seed {seed}, noise {noise})", FORMULAS[name], seed, noise)
    return DatasetInfo(
        name=name,
        classes=("0", "1"),
        example_shape=(2,),
        batches=tuple(_batch(drawn, split) for split in SPLITS),
        origin=drawn,
        source_url=f"studyhall:{name}?seed={seed}&noise={noise}",
        example_type=np.float32,
        variant=f"-seed-{seed}-noise-{noise}",
    )


def _batch(drawn: PointFormula, split: str) -> Batch:
    digests = {kind: digest(values) for kind, values in drawn.arrays(split).items()}
    return Batch(split, split, 0, COUNT, *(digests[kind] for kind in KINDS))
