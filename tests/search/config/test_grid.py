"""Grids: every point of active parameters once, in the order of the table, however many."""

from __future__ import annotations

import itertools

import pytest

from studyhall.search.config.grid import Grid
from studyhall.search.config.study_spec import StudySpec
from tests.search.config.test_conditions import SPACE, spec_of


def categorical(*choices: object, **when: object) -> dict[str, object]:
    return {"type": "categorical", "choices": list(choices), "when": when or None}


GRID = {name: SPACE[name] for name in ("optimizer", "momentum", "method")} | {
    "l2": categorical(0.1, 0.2, method=["l2", "both"]),
    "batch_size": categorical(10, 20, optimizer="nesterov", momentum=0.9, method="both"),
}


def grid_of(space: dict[str, object]) -> Grid:
    return Grid(spec_of(space).search_space)


def listed(spec: StudySpec) -> list[dict[str, object]]:
    """The points by brute force: the full product, inactive values taken out, repeats dropped."""
    found = []
    for values in itertools.product(*(p.examples for p in spec.search_space.values())):
        point: dict[str, object] = {}
        for (name, parameter), value in zip(spec.search_space.items(), values, strict=True):
            if all(point.get(n) in allowed for n, allowed in parameter.conditions.items()):
                point[name] = value
        if point not in found:
            found.append(point)
    return found


@pytest.mark.parametrize(
    "space",
    [
        GRID,
        {name: {**parameter, "when": None} for name, parameter in GRID.items()},
        {"optimizer": GRID["optimizer"]},
        {"optimizer": GRID["optimizer"], "momentum": GRID["momentum"], "l2": categorical(1, 2)},
    ],
)
def test_a_grid_has_each_point_of_active_parameters_once_in_order(space):
    grid, expected = grid_of(space), listed(spec_of(space))
    assert grid.size == len(expected)
    assert [grid.point(number) for number in range(grid.size)] == expected


@pytest.mark.parametrize("number", [-1, 5])
def test_a_point_beyond_the_grid_is_refused(number):
    with pytest.raises(IndexError) as caught:
        grid_of({"l2": categorical(1, 2, 3, 4, 5)}).point(number)
    assert str(caught.value) == f"number must be below the grid's size of 5, got {number}"


def test_a_grid_too_large_to_list_is_counted_and_numbered():
    switches = {f"use_{n}": categorical(False, True) for n in range(40)}
    values = {f"value_{n}": categorical(1, 2, 3, **{f"use_{n}": True}) for n in range(40)}
    grid = grid_of({**switches, **values})
    assert grid.size == 4**40
    assert grid.point(0) == dict.fromkeys(switches, False)
    assert grid.point(grid.size - 1) == dict.fromkeys(switches, True) | dict.fromkeys(values, 3)
