"""Conditional parameters: which are active, and points in which a given one is."""

from __future__ import annotations

import pytest

from studyhall.search.config.conditions import (
    corners,
    described,
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
    space, points = spec_of().search_space, spec_of().examples()
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
    assert described(conditions) == "momentum = 0.9 and method = 'both'"
    assert described({"method": ("l2", 1)}) == "method = 'l2' or 1"


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
