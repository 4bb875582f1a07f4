"""Places between 0 and 1: each stands for a value of the parameter, and evenly so."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from studyhall.search.config.parameters import Parameter, from_unit, to_unit
from tests.search.spaces import choices, floats, integers


def parameter_of(table: dict[str, object]) -> Parameter:
    return TypeAdapter(Parameter).validate_python(table)


@given(floats() | integers() | choices(), st.floats(0, 1))
def test_every_place_is_a_value_of_the_parameter(table, place):
    parameter = parameter_of(table)
    assert parameter.contains(from_unit(parameter, place))


@given(floats() | integers(), st.floats(0, 1))
def test_the_place_of_a_value_leads_back_to_it(table, place):
    parameter = parameter_of(table)
    value = from_unit(parameter, place)
    found = to_unit(parameter, value)
    assert 0 <= found <= 1
    tolerance = 1e-9 * (parameter.high - parameter.low)
    assert from_unit(parameter, found) == pytest.approx(value, rel=1e-9, abs=tolerance)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"type": "categorical", "choices": ["a", "b"]}, {"a": 50, "b": 50}),
        ({"type": "int", "low": 1, "high": 4}, {1: 25, 2: 25, 3: 25, 4: 25}),
        ({"type": "int", "low": 0, "high": 30, "step": 10}, {0: 25, 10: 25, 20: 25, 30: 25}),
        ({"type": "float", "low": 0.5, "high": 1.5, "step": 0.5}, {0.5: 33, 1.0: 34, 1.5: 33}),
    ],
)
def test_every_step_and_choice_has_an_equal_share(table, expected):
    parameter = parameter_of(table)
    assert Counter(from_unit(parameter, (i + 0.5) / 100) for i in range(100)) == expected


@pytest.mark.parametrize(
    ("table", "middle"),
    [
        ({"type": "float", "low": -1.0, "high": 3.0}, 1.0),
        ({"type": "float", "low": 1e-4, "high": 1.0, "log": True}, 1e-2),
        ({"type": "int", "low": 1, "high": 10_000, "log": True}, 71),  # sqrt(0.5 * 10,000.5)
    ],
)
def test_the_middle_is_that_of_the_scale(table, middle):
    assert from_unit(parameter_of(table), 0.5) == pytest.approx(middle)
