"""Quasi-random points: functions of their number that cover the space evenly."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats.qmc import Sobol

from studyhall.search.study.quasi_random import QuasiRandom
from tests.search.spaces import EVERY_KIND, NUMBERS, is_point, spaces, spec_of


def points_of(space: dict[str, object], seed: int = 3) -> QuasiRandom:
    return QuasiRandom(spec_of(space).search_space, seed)


@given(spaces(), st.integers(0, 100_000), st.integers(0, 2**32 - 1))
def test_every_point_is_one_of_the_space(space, number, seed):
    parameters = spec_of(space).search_space
    assert is_point(parameters, QuasiRandom(parameters, seed).point(number))


def test_the_points_are_those_of_the_sequence_in_any_order():
    square = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("a", "b")}
    expected = Sobol(2, rng=3).random(16).tolist()
    points = points_of(square)
    for number in (0, 15, 1, 7, 8, 0):
        assert [*points.point(number).values()] == expected[number]


@pytest.mark.parametrize("start", [0, 64])
def test_any_64_points_from_a_multiple_of_64_have_one_in_each_of_64_boxes(start):
    """Of equal area: a box each of an 8 by 8 board, and of 64 strips along either axis."""
    square = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("a", "b")}
    points = [points_of(square).point(start + n) for n in range(64)]
    for columns, rows in ((8, 8), (64, 1), (1, 64)):
        boxes = {(int(p["a"] * columns), int(p["b"] * rows)) for p in points}
        assert len(boxes) == 64


def test_a_log_scale_and_choices_are_covered_evenly_too():
    points = [points_of(EVERY_KIND).point(number) for number in range(96)]
    decades = Counter(math.floor(math.log10(point["rate"])) for point in points)
    assert all(20 <= count <= 28 for count in decades.values()), decades
    methods = Counter(point["method"] for point in points)
    assert all(30 <= count <= 34 for count in methods.values()), methods


def test_another_seed_gives_other_points():
    assert points_of(NUMBERS, seed=3).point(5) != points_of(NUMBERS, seed=4).point(5)
