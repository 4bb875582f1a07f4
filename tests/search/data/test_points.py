"""The formulas of the point sets: geometry, scatter and what they are determined by."""

from __future__ import annotations

from math import erf, sqrt
from typing import Any

import numpy as np
import pytest

from studyhall.search.data.point_sets import DEFAULT_NOISE, FORMULAS, point_set

COUNT = 20_000
NAMES = sorted(FORMULAS)


def drawn(name: str, noise: float, seed: int = 5, count: int = COUNT) -> tuple[Any, Any]:
    return FORMULAS[name](np.random.default_rng(seed), count, noise)


def test_moons_without_noise_are_two_half_circles_that_reach_into_each_other() -> None:
    points, labels = drawn("two_moons", 0)
    upper, lower = points[labels == 0], points[labels == 1] - [1, 0.5]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*lower.T), 1)
    assert upper[:, 1].min() >= 0 >= lower[:, 1].max()
    # All along both half circles, not only near their ends or tops.
    for half, height in ((upper, 1), (lower, -1)):
        angles = np.arctan2(half[:, 1] * height, half[:, 0])
        assert np.histogram(angles, 10, (0, np.pi))[0].min() > COUNT / 25


def test_moons_scatter_about_their_half_circles_by_the_noise() -> None:
    quiet, labels = drawn("two_moons", 0)
    noisy, same = drawn("two_moons", 0.3)
    np.testing.assert_array_equal(labels, same)
    scatter = (noisy - quiet) / 0.3
    np.testing.assert_allclose(scatter.mean(axis=0), 0, atol=4 / sqrt(COUNT))
    np.testing.assert_allclose(np.cov(scatter.T), np.eye(2), atol=6 / sqrt(COUNT))


def test_blobs_lie_on_the_two_sides_of_the_diagonal() -> None:
    points, labels = drawn("two_blobs", 0)
    across = (points[:, 0] - points[:, 1]) / sqrt(2)
    np.testing.assert_allclose(across, np.where(labels == 1, 0.15, -0.15))


def test_blobs_scatter_along_the_diagonal_by_a_quarter_and_across_by_the_noise() -> None:
    points, labels = drawn("two_blobs", 0.12)
    along = (points[:, 0] + points[:, 1]) / sqrt(2)
    across = (points[:, 0] - points[:, 1]) / sqrt(2) - np.where(labels == 1, 0.15, -0.15)
    assert along.std() == pytest.approx(0.25, rel=0.02)
    assert across.std() == pytest.approx(0.12, rel=0.02)
    assert np.corrcoef(along, across)[0, 1] == pytest.approx(0, abs=4 / sqrt(COUNT))


def test_the_best_classifier_of_blobs_is_right_as_often_as_their_formula_says() -> None:
    points, labels = drawn("two_blobs", DEFAULT_NOISE["two_blobs"])
    right = ((points[:, 0] > points[:, 1]) == labels).mean()
    share = (1 + erf(0.15 / DEFAULT_NOISE["two_blobs"] / sqrt(2))) / 2
    assert share == pytest.approx(0.894, abs=5e-4)
    assert right == pytest.approx(share, abs=4 * sqrt(share * (1 - share) / COUNT))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("count", "ones"), [(10, 5), (11, 5), (1, 0)])
def test_half_of_the_points_are_of_each_class(name: str, count: int, ones: int) -> None:
    points, labels = drawn(name, 0.1, count=count)
    assert points.shape == (count, 2)
    assert labels.dtype == np.uint8
    assert labels.sum() == ones


@pytest.mark.parametrize("name", NAMES)
def test_the_classes_are_mixed_so_that_any_stretch_holds_both(name: str) -> None:
    _, labels = drawn(name, 0.1)
    assert labels[:100].sum() == pytest.approx(50, abs=20)
    assert np.corrcoef(labels[1:], labels[:-1])[0, 1] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_in_the_same_state_draws_the_same_points(name: str) -> None:
    for first, second in zip(drawn(name, 0.1), drawn(name, 0.1), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        (
            "two_blobs",
            "284a6c3c54981cc42561732a5bbca30f23cb1b936b94d3629533e88bd25a2060",
            "eb6ca721b38ba6c609e8be9b3c6f42990c323cee0739567c2e7286b85ee52726",
        ),
        (
            "two_moons",
            "4106b01438435d90516a5286d1834b1b77febb68cfe374d0f178e8839992ed90",
            "5af79a3b36c1b10e29ad4f38634c66249d351224e458cf437292e77473a6843f",
        ),
    ],
)
def test_the_points_of_seed_0_are_the_same_on_every_machine_and_release(
    name: str, train: str, test: str
) -> None:
    assert [batch.images for batch in point_set(name).batches] == [train, test]


@pytest.mark.parametrize("name", NAMES)
def test_name_seed_and_noise_determine_the_points(name: str) -> None:
    usual = DEFAULT_NOISE[name]
    choices = [(0, usual), (1, usual), (0, usual / 2), (2**32 - 1, usual), (0, 0)]
    digests = [batch.images for choice in choices for batch in point_set(name, *choice).batches]
    assert len(set(digests)) == 2 * len(choices)
    assert point_set(name, 0, None) == point_set(name, 0, usual)


def test_no_points_are_drawn_from_the_bits_that_order_the_split() -> None:
    order = np.random.PCG64(0).random_raw(4).tolist()
    for stream in (1, 2):
        assert np.random.default_rng([0, stream]).bit_generator.random_raw(4).tolist() != order
    assert np.random.default_rng([0, 0]).bit_generator.random_raw(4).tolist() == order
