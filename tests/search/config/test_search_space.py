"""Search spaces: active parameters, points in which a given one is active, and grids."""

from __future__ import annotations

import itertools

import pytest

from studyhall.search.config.search_space import (
    Grid,
    corners,
    describe_conditions,
    excluded,
    holds,
    needed,
    point_with,
)
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.studies import differences

SPACE = {
    "optimizer": {"type": "categorical", "choices": ["sgd", "momentum", "nesterov"]},
    "momentum": {
        "type": "categorical",
        "choices": [0.5, 0.9],
        "when": {"optimizer": ["momentum", "nesterov"]},
    },
    "method": {"type": "categorical", "choices": ["none", "l2", "both"]},
    "l2": {"type": "float", "low": 0.1, "high": 0.2, "when": {"method": ["l2", "both"]}},
    "batch_size": {
        "type": "categorical",
        "choices": [10, 20],
        "when": {"momentum": 0.9, "method": "both"},
    },
    "sampling": {
        "type": "categorical",
        "choices": ["shuffle", "with_replacement"],
        "when": {"batch_size": 20},
    },
}


def spec_of(space: dict[str, object] = SPACE, **training: object) -> StudySpec:
    return StudySpec.model_validate(
        {
            "study": {"name": "s"},
            "data": {"name": "cifar10", "train": 100, "validation": 10},
            "network": {"hidden": [4]},
            "training": {"epochs": 3, "learning_rate": 0.01, **training},
            "search_space": space,
        }
    )


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("optimizer", {}, True),
        ("momentum", {"optimizer": "sgd"}, False),
        ("momentum", {"optimizer": "nesterov"}, True),
        ("batch_size", {"optimizer": "nesterov", "momentum": 0.9, "method": "both"}, True),
        ("batch_size", {"optimizer": "nesterov", "momentum": 0.5, "method": "both"}, False),
        ("batch_size", {"optimizer": "sgd", "method": "both"}, False),  # momentum is inactive
    ],
)
def test_a_parameter_is_active_if_all_its_conditions_hold(name, point, expected):
    assert holds(spec_of().search_space[name], point) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, set()),
        ({"momentum": 0.9}, set()),
        ({"optimizer": "momentum"}, set()),
        ({"optimizer": "sgd"}, {"momentum", "batch_size", "sampling"}),
        ({"optimizer": "sgd", "momentum": 0.9}, {"momentum", "batch_size", "sampling"}),
        ({"method": "l2", "batch_size": 20}, {"batch_size", "sampling"}),
        ({"method": "none", "momentum": 0.9}, {"l2", "batch_size", "sampling"}),
    ],
)
def test_a_value_excludes_what_depends_on_another(given, expected):
    assert excluded(spec_of().search_space, given) == expected


def test_what_a_parameter_needs_includes_what_its_conditions_need():
    space = spec_of().search_space
    assert needed(space, {"sampling": ("shuffle",)}) == {
        "sampling": ("shuffle",),
        "batch_size": (20,),
        "momentum": (0.9,),
        "method": ("both",),
        "optimizer": ("momentum", "nesterov"),
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"optimizer": "sgd", "method": "none"}),
        ({"l2": 0.15}, {"optimizer": "sgd", "method": "l2", "l2": 0.15}),
        (
            {"batch_size": 10, "optimizer": "nesterov"},
            {
                "optimizer": "nesterov",
                "momentum": 0.9,
                "method": "both",
                "l2": 0.1,
                "batch_size": 10,
            },
        ),
        ({"batch_size": 10, "optimizer": "sgd"}, None),
        ({"batch_size": 10, "momentum": 0.5}, None),
    ],
)
def test_a_point_is_found_where_given_values_are_active(given, expected):
    assert point_with(spec_of().search_space, given) == expected


def test_every_example_stands_in_a_point_of_active_parameters():
    space = spec_of().search_space
    points = corners(space)
    for point in points:
        assert list(point) == [name for name in space if name in point]
        assert all(holds(space[name], point) == (name in point) for name in space)
    for name, parameter in space.items():
        assert {point[name] for point in points if name in point} == set(parameter.examples)


def test_without_conditions_the_first_corner_has_every_first_value():
    space = {name: {**SPACE[name], "when": None} for name in ("optimizer", "l2")}
    assert corners(spec_of(space).search_space) == [
        {"optimizer": "sgd", "l2": 0.1},
        {"optimizer": "momentum", "l2": 0.1},
        {"optimizer": "nesterov", "l2": 0.1},
        {"optimizer": "sgd", "l2": 0.1},
        {"optimizer": "sgd", "l2": 0.2},
    ]


def test_conditions_read_as_a_sentence():
    conditions = spec_of().search_space["batch_size"].conditions
    assert describe_conditions(conditions) == "momentum = 0.9 and method = 'both'"
    assert describe_conditions({"method": ("l2", 1)}) == "method = 'l2' or 1"


@pytest.mark.parametrize(
    ("parameters", "l2", "momentum"),
    [
        ({"optimizer": "sgd", "method": "none"}, 0.0, 0.7),
        ({"optimizer": "sgd", "method": "l2", "l2": 0.15}, 0.15, 0.7),
        ({"optimizer": "momentum", "momentum": 0.5, "method": "none"}, 0.0, 0.5),
    ],
)
def test_without_its_parameter_a_key_has_its_sections_value_or_its_default(
    parameters, l2, momentum
):
    training = spec_of(momentum=0.7).resolve(parameters).training
    assert (training.l2, training.momentum) == (l2, momentum)


def test_a_study_comes_back_from_its_record():
    spec = spec_of()
    assert StudySpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_study_recorded_before_there_were_conditions_is_the_same_still():
    plain = spec_of({"method": SPACE["method"], "l2": {**SPACE["l2"], "when": None}})
    recorded = plain.model_dump_json().replace('"when":null,', "")
    assert "when" not in recorded
    attributes = {"studyhall.spec": recorded, "studyhall.data_fingerprint": "f"}
    assert differences(attributes, plain, "f") == []
    changed = spec_of({"method": SPACE["method"], "l2": SPACE["l2"]})
    (found,) = differences(attributes, changed, "f")
    assert found.key == "search_space.l2.when.method"
    assert (found.recorded, found.given) == (None, ["l2", "both"])


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
