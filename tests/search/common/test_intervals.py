"""The intervals at which workers and launches look at one another, and what scales them."""

from __future__ import annotations

import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.common.intervals import VARIABLE, Intervals, intervals_from_environment


def test_the_usual_intervals_hold_without_the_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert intervals_from_environment() == Intervals()


def test_the_variable_scales_every_interval(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.1")
    scaled = intervals_from_environment()
    assert (scaled.beat, scaled.grace, scaled.order) == (0.5, 2.0, 0.05)


@pytest.mark.parametrize("value", ["fast", "0", "-1", "nan", "inf"])
def test_anything_but_a_positive_number_is_an_error(monkeypatch, value):
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError) as caught:
        intervals_from_environment()
    assert str(caught.value) == (
        f"STUDYHALL_INTERVALS: must be a positive number such as 0.1, got '{value}'"
    )


def test_a_launch_notices_a_worker_that_hangs_before_others_count_it_as_dead():
    usual = Intervals()
    assert usual.beat < usual.hung
    assert usual.hung + usual.listen < usual.grace
    assert usual.listen < usual.attention < usual.grace
