"""Which networks stand for all that a study may train."""

from __future__ import annotations

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.training.representatives import (
    corners,
    described,
    one_of_each_kind,
    without_dropout,
)


def spec(**search_space: dict[str, object]) -> StudySpec:
    return StudySpec.model_validate(
        {
            "study": {"name": "kinds"},
            "data": {"name": "mnist", "train": 100, "validation": 50},
            "network": {"hidden": ["width", 9]},
            "training": {"learning_rate": 0.1, "epochs": 1},
            "search_space": {"width": {"type": "int", "low": 4, "high": 40}, **search_space},
        }
    )


def test_the_narrowest_stands_for_all_widths():
    assert [described(s) for s in one_of_each_kind(corners(spec()))] == [
        "4 x 9 hidden units (relu, he)"
    ]


def test_each_choice_of_a_part_is_a_kind_of_its_own():
    choices = {"type": "categorical", "choices": ["relu", "tanh"]}
    found = one_of_each_kind(corners(spec(activation=choices)))
    assert {described(s) for s in found} == {
        "4 x 9 hidden units (relu, he)",
        "4 x 9 hidden units (tanh, he)",
    }


def test_rates_of_training_make_no_kinds():
    rates = {"type": "float", "low": 0.1, "high": 1.0}
    assert len(one_of_each_kind(corners(spec(learning_rate=rates)))) == 1


def test_without_dropout_all_else_stays():
    with_dropout = corners(spec(dropout={"type": "float", "low": 0.1, "high": 0.5}))
    for settings in with_dropout:
        plain = without_dropout(settings)
        assert plain.network.dropout == 0
        assert plain.training == settings.training


def test_the_widest_on_request():
    (found,) = one_of_each_kind(corners(spec()), widest=True)
    assert described(found) == "40 x 9 hidden units (relu, he)"
