"""Two classes of points in the plane, drawn by formulas from a generator."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]

# Of the blobs: half the distance between the two classes' long axes, and their spread along these.
_HALF_GAP = 0.15
_LENGTH = 0.25


def two_moons(generator: np.random.Generator, count: int, noise: float) -> Points:
    """Draw points from two half circles that reach into each other.

    Class 0 is (cos t, sin t), class 1 is (1 - cos t, 1/2 - sin t), with t uniform in [0, pi) and
    noise · N(0, 1) added to each coordinate. The geometry is that of scikit-learn's `make_moons`,
    where t has equal steps instead: two sets drawn so would not be independent of each other.

    Args:
        generator: where the randomness comes from.
        count: how many points; half of them, rounded down, are of class 1.
        noise: the standard deviation of each coordinate about its half circle, at least 0.

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
        generator: where the randomness comes from.
        count: how many points; half of them, rounded down, are of class 1.
        noise: the standard deviation across the diagonal, at least 0.

    Returns:
        Points float64 (count, 2) and labels uint8 (count,), in random order.
    """
    labels = _labels(generator, count)
    along = _LENGTH * generator.standard_normal(count)
    side = np.where(labels == 1, _HALF_GAP, -_HALF_GAP)
    across = side + noise * generator.standard_normal(count)
    return np.stack([along + across, along - across], axis=1) / np.sqrt(2), labels


def _labels(generator: np.random.Generator, count: int) -> npt.NDArray[np.uint8]:
    """Return as many zeros as ones, mixed, so that any stretch of them holds both classes."""
    return generator.permutation(np.arange(count) % 2).astype(np.uint8)
