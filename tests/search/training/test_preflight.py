"""The checks of a launch before it does anything, and the networks that stand for all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from studyhall import Options, launch
from studyhall.search.common.errors import UsageError
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.training import preflight
from studyhall.search.training.preflight import describe_network, one_of_each_kind
from tests.search.spaces import NUMBERS, spec_of


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (("torch",), "torch, which is not installed"),
        (("torch", "greenlet"), "torch and greenlet, which are not installed"),
    ],
)
def test_gp_without_its_packages_is_refused_before_any_work(tmp_path, monkeypatch, missing, named):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    if "greenlet" not in missing:
        pytest.importorskip("greenlet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        launch(spec_of(NUMBERS, name="mine", sampler="gp"), Options())
    assert str(caught.value) == (
        f"mine: study.sampler: 'gp' needs {named}; run `pip install 'studyhall[gp]'`, or choose "
        "another sampler"
    )
    assert not list(Path.cwd().iterdir())


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
    assert [describe_network(s) for s in one_of_each_kind(spec().corner_settings())] == [
        "4 x 9 hidden units (relu, he)"
    ]


def test_each_choice_of_a_part_is_a_kind_of_its_own():
    choices = {"type": "categorical", "choices": ["relu", "tanh"]}
    found = one_of_each_kind(spec(activation=choices).corner_settings())
    assert {describe_network(s) for s in found} == {
        "4 x 9 hidden units (relu, he)",
        "4 x 9 hidden units (tanh, he)",
    }


def test_rates_of_training_make_no_kinds():
    rates = {"type": "float", "low": 0.1, "high": 1.0}
    assert len(one_of_each_kind(spec(learning_rate=rates).corner_settings())) == 1


def test_dropout_is_left_out_of_the_check_and_all_else_stays(monkeypatch, tmp_path):
    checked = []
    monkeypatch.setattr(preflight, "_problems", lambda _, one, __: checked.append(one) or [])
    with_dropout = spec(dropout={"type": "float", "low": 0.1, "high": 0.5})
    preflight.check_networks(with_dropout, tmp_path)
    (plain,) = checked
    assert plain.network.dropout == 0
    assert plain.training == with_dropout.corner_settings()[0].training


def test_the_widest_on_request():
    (found,) = one_of_each_kind(spec().corner_settings(), widest=True)
    assert describe_network(found) == "40 x 9 hidden units (relu, he)"
