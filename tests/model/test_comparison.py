import numpy as np
import pytest

from studyhall.model import Comparison, joined


def apart(ratio):
    """Two gradients with that norm ratio: |a - n| / (|a| + |n|) of (1 + r) and (1 - r) is r."""
    return Comparison("weight", np.array([1 + ratio, 0.0]), np.array([1 - ratio, 0.0]))


@pytest.mark.parametrize(
    ("ratio", "verdict", "passed"),
    [
        (0, "correct", True),
        (0.99e-7, "correct", True),
        (1.01e-7, "close", True),
        (0.99e-5, "close", True),
        (1.01e-5, "look again", False),
        (0.99e-3, "look again", False),
        (1.01e-3, "worry", False),
        (1, "worry", False),
    ],
)
def test_verdicts(ratio, verdict, passed):
    comparison = apart(ratio)
    assert comparison.norm_ratio == pytest.approx(ratio, rel=1e-6)
    assert (comparison.verdict, comparison.passed) == (verdict, passed)


@pytest.mark.parametrize("which", ["analytic", "numeric", "both"])
def test_what_is_not_a_number_is_no_gradient(which):
    pair = {"analytic": np.ones(2), "numeric": np.ones(2)}
    for name in pair if which == "both" else [which]:
        pair[name] = np.array([1, np.nan])
    comparison = Comparison("weight", **pair)
    assert (comparison.verdict, comparison.passed) == ("worry", False)


ANALYTIC, NUMERIC = np.array([[3.0, 0.0], [1.0, 4.0]]), np.array([[3.0, 0.5], [1.0, 2.5]])


def test_each_measure_by_hand():
    comparison = Comparison("weight", ANALYTIC, NUMERIC)
    assert comparison.mean_difference == pytest.approx(2 / 4)
    assert comparison.relative_error == pytest.approx(1)  # 0 against 0.5
    norms = 26**0.5 + (9 + 0.25 + 1 + 6.25) ** 0.5
    assert comparison.norm_ratio == pytest.approx(2.5**0.5 / norms)


def test_tiny_entries_are_not_blown_up():
    comparison = Comparison("weight", np.array([1e-12]), np.array([-1e-12]))
    assert comparison.relative_error == pytest.approx(2e-4)


def test_nothing_to_compare():
    comparison = Comparison("weight", np.zeros(0), np.zeros(0), kinks=3)
    assert (comparison.mean_difference, comparison.relative_error, comparison.norm_ratio) == (
        0,
    ) * 3
    assert str(comparison) == "weight: nothing to compare, 3 entries on a kink"


def test_joined_is_one_vector_of_all():
    first = Comparison("a", ANALYTIC, NUMERIC, kinks=2)
    second = Comparison("b", np.array([5.0]), np.array([6.0]), kinks=1)
    both = joined("all", [first, second])
    assert (both.name, both.kinks) == ("all", 3)
    np.testing.assert_array_equal(both.analytic, [3, 0, 1, 4, 5])
    np.testing.assert_array_equal(both.numeric, [3, 0.5, 1, 2.5, 6])
    assert both.mean_difference == pytest.approx(3 / 5)


def test_both_numbers_are_shown():
    comparison = Comparison("weight", np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    assert str(comparison) == (
        "weight: analytic 2, numeric 2.5 where they differ most, relative error 0.11"
    )


def test_equal_zeros_have_no_error():
    comparison = Comparison("bias", np.zeros(3), np.zeros(3))
    assert (comparison.relative_error, comparison.norm_ratio) == (0, 0)


def test_nothing_compared_is_no_agreement():
    comparison = Comparison("weight", np.zeros(0), np.zeros(0), kinks=12)
    assert (comparison.verdict, comparison.passed) == ("nothing compared", False)


def test_zeros_on_both_sides_are_said_to_be_zeros():
    comparison = Comparison("weight", np.zeros(3), np.zeros(3))
    assert (comparison.verdict, comparison.passed) == ("all zero", True)
