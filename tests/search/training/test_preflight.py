"""The checks of a launch before it does anything, and the networks that stand for all."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from studyhall import Options, launch
from studyhall.model import Finding
from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.datasets import fetch, open_dataset
from studyhall.search.training import preflight
from studyhall.search.training.check_examples import check_examples
from studyhall.search.training.preflight import DRAWS, describe_network, one_of_each_kind
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
    monkeypatch.setattr(preflight, "_failed", lambda _, one, *__: checked.append(one) or [])
    with_dropout = spec(dropout={"type": "float", "low": 0.1, "high": 0.5})
    preflight.check_networks(with_dropout, tmp_path)
    (plain,) = checked
    assert plain.network.dropout == 0
    assert plain.training == with_dropout.corner_settings()[0].training


def test_the_widest_on_request():
    (found,) = one_of_each_kind(spec().corner_settings(), widest=True)
    assert describe_network(found) == "40 x 9 hidden units (relu, he)"


def own_study(place: Path, images: object, labels: object, **sections: object) -> StudySpec:
    """A study of points of the user's own, with its counts filled in."""
    np.savez(place / "own.npz", images=images, labels=labels)  # type: ignore[arg-type]
    values = {
        "study": {"name": "mine"},
        "data": {"name": "mine", "path": str(place / "own.npz")},
        "network": {"hidden": [30]},
        "training": {"epochs": 1},
        "search_space": {"learning_rate": {"type": "float", "low": 0.1, "high": 1.0}},
    }
    for name, section in sections.items():
        values[name] |= section  # type: ignore[operator]
    return preflight.require_data(StudySpec.model_validate(values))


def check(spec: StudySpec, progress: Progress = SILENT) -> None:
    preflight.check_networks(spec, fetch(spec.data_settings), progress)


def noise(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    "width",
    [{"type": "int", "low": 2, "high": 40}, {"type": "categorical", "choices": [40, 2]}],
)
def test_all_searched_widths_are_at_their_greatest_together(width: dict[str, object]) -> None:
    values = spec(b=width, c=width).model_dump()
    values["network"] = {"hidden": ["width", "b", "c"]}
    (found,) = one_of_each_kind(StudySpec.model_validate(values).widest_settings(), widest=True)
    assert describe_network(found) == "40 x 40 x 40 hidden units (relu, he)"


def test_rows_that_are_equal_with_different_labels_are_learned_once(tmp_path, cache):
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 2, (400, 3)).astype(np.float32)
    labels = (generator.random(400) < 0.2 + 0.6 * rows[:, 0]).astype(int)
    check(own_study(tmp_path, rows, labels))


def test_a_table_that_is_not_scaled_passes(tmp_path, cache):
    cancer = load_breast_cancer()
    check(own_study(tmp_path, cancer.data, cancer.target, data={"preprocessing": "none"}))


@pytest.mark.parametrize("images", [np.zeros((60, 6, 8, 3), np.uint8), np.ones((60, 2))])
def test_examples_that_are_all_the_same_are_called_so(tmp_path, cache, images):
    spec = own_study(tmp_path, images, np.arange(60) // 20)
    with pytest.raises(UsageError) as caught:
        check(spec)
    assert re.fullmatch(
        r"mine: the training examples must differ for a network to learn from them, got 39 of the "
        r"same (images, such as of one colour alone; correct the data, or name another background "
        r"in \[data\] if they are transparent|rows; correct the data)",
        str(caught.value),
    )


def test_the_one_row_that_differs_is_found_among_many(tmp_path, cache):
    rows = np.zeros((5000, 2))
    rows[3000:3003] = 1
    check(own_study(tmp_path, rows, np.arange(5000) % 2))


def test_examples_are_of_every_class_though_these_are_in_order(tmp_path, cache):
    spec = own_study(tmp_path, noise(600, 4), np.arange(600) // 200)
    (settings,) = one_of_each_kind(spec.corner_settings())
    dataset = open_dataset(spec.data_settings, fetch(spec.data_settings))
    _, labels = check_examples(dataset, settings)
    assert np.bincount(labels).tolist() == [4, 3, 3]


def test_an_unlucky_draw_of_the_weights_is_drawn_again(tmp_path, cache, monkeypatch):
    networks = []
    failing = Finding("initial loss", False, "must be less, got more")

    def unlucky(network, *_):
        networks.append(network.vector.values.copy())
        return [failing] if len(networks) < DRAWS else []

    monkeypatch.setattr(preflight, "check_sanity", unlucky)
    spec = own_study(tmp_path, noise(60, 4), np.arange(60) % 3)
    check(spec)
    assert len(networks) == len({values.tobytes() for values in networks}) == DRAWS
    monkeypatch.setattr(preflight, "check_sanity", lambda *_: [failing])
    with pytest.raises(UsageError) as caught:
        check(spec)
    assert str(caught.value) == (
        "mine: the network with 30 hidden units (relu, he): initial loss must be less, got more; "
        "change it, or launch with --no-preflight"
    )


def test_of_twenty_deviations_one_has_to_do_and_each_network_is_announced(
    tmp_path, cache, monkeypatch, steps
):
    tried = []

    def failed(_, settings, *others):
        tried.append(settings.network.initial_deviation)
        return [Finding("overfits", False, "must, got less")] if tried[-1] > 1 else []

    monkeypatch.setattr(preflight, "_failed", failed)
    deviations = {"type": "categorical", "choices": list(range(1, 21))}
    activations = {"type": "categorical", "choices": ["relu", "tanh"]}
    spec = own_study(
        tmp_path,
        noise(60, 4),
        np.arange(60) % 3,
        network={"initializer": "normal"},
        search_space={"activation": activations, "initial_deviation": deviations},
    )
    check(spec, steps)
    assert tried == [11, 1, 1]
    assert steps.steps == [(f"Checking network {place} of 2", None) for place in (1, 2)]


def test_unscaled_inputs_are_named_as_the_cause(tmp_path, cache):
    spec = own_study(
        tmp_path,
        1000 + noise(60, 20),
        np.arange(60) % 3,
        data={"preprocessing": "none"},
    )
    with pytest.raises(UsageError) as caught:
        check(spec)
    assert str(caught.value).endswith(
        " wrong, but none once the inputs are standardized; set preprocessing = "
        '"standardize" in [data], or launch with --no-preflight'
    )
