"""When a clock of the service is so far off that it is a problem."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from studyhall.search.common.service_part import clock_problems

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [-60, -0.4, 0, 60])
def test_a_clock_within_a_minute_is_well(seconds):
    assert clock_problems("MLflow", NOW + timedelta(seconds=seconds), NOW) == (seconds, ())


@pytest.mark.parametrize(("seconds", "way"), [(3600, "3600 s ahead of"), (-61, "61 s behind")])
def test_a_clock_that_is_off_by_more_is_a_problem(seconds, way):
    ahead, [problem] = clock_problems("MLflow", NOW + timedelta(seconds=seconds), NOW)
    assert ahead == seconds
    assert f"its clock is {way} this machine's" in problem
