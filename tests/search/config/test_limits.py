"""Names, values and counts that an engine would refuse are refused before a trial trains."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from studyhall.search.common.errors import UsageError
from studyhall.search.config.study_file import find_study, load_study, make_study
from studyhall.search.config.study_spec import StudySection
from studyhall.search.study.samplers import distribution_of
from tests.search.moons import SPEC

Tables = dict[str, Any]
NAMED = "must have a name of 1 to 250 letters, digits, spaces, '_', '-', '.', ':' and '/', and no "
TEXT = "must be text without control characters, got "


def with_width(name: str) -> Tables:
    """The study of points, its width searched under another name."""
    tables = copy.deepcopy(SPEC)
    tables["network"]["hidden"] = [name]
    tables["search_space"][name] = tables["search_space"].pop("hidden_size")
    return tables


def mistakes(tables: Tables) -> list[str]:
    with pytest.raises(UsageError) as caught:
        make_study(tables)
    return str(caught.value).splitlines()


TAKEN = ["None", "größe", "a/b", "a b:c", "a..b", "層", "n" * 250]
REFUSED = [
    *("", "width (units)", "width@1", "😀", "a/../b", "a//b", "a/", "./a", ".", "..", "../a", "/a"),
    *("a\N{NO-BREAK SPACE}b", "a\\b", "a'b", 'a"b', "a`b", "50%", "$x$", "n" * 251),
]


@pytest.mark.parametrize("name", REFUSED)
def test_a_parameter_name_that_mlflow_does_not_take_is_refused(name):
    (found,) = mistakes(with_width(name))
    assert found.startswith("search_space.")
    assert NAMED in found


@pytest.mark.parametrize("name", TAKEN)
def test_a_parameter_name_that_mlflow_takes_is_kept(name):
    assert name in make_study(with_width(name)).search_space


def test_mlflow_agrees_about_every_name(uri):
    client = MlflowClient(uri)
    run_id = client.create_run(client.create_experiment("names")).info.run_id
    for name in TAKEN:
        client.log_param(run_id, name, 1)
    for name in REFUSED:
        with pytest.raises(MlflowException):
            client.log_param(run_id, name, 1)
    assert client.get_run(run_id).data.params == dict.fromkeys(TAKEN, "1")


def changed(change: Callable[[Tables], object]) -> list[str]:
    tables = copy.deepcopy(SPEC)
    change(tables)
    return mistakes(tables)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("study", "name", "a" + ".1" * 300,
         ["study.name: must have at most 150 characters, got 601"]),
        ("study", "trials", 10**12,
         ["study.trials: must be at most 100000, got 1000000000000"]),
        ("study", "seed", 10**20,
         ["study.seed: must be a number of at most 64 bits, got 100000000000000000000"]),
        ("study", "seed", 10**5000,
         ["study.seed: must be a number of at most 64 bits, got a value that is too long to show"]),
        ("data", "path", "a\0b", [f"data.path: {TEXT}'a\\x00b'"]),
        ("data", "path", "a\udcffb", [f"data.path: {TEXT}'a\\udcffb'"]),
        ("data", "x\ny", 1,
         ["data: must have keys of text without control characters, got 'x\\ny'"]),
        ("network", "hidden", [10**9, "hidden_size"],
         ["network.hidden[0]: must be at most 1000000, got 1000000000"]),
        ("network", "hidden", ["hidden_size"] * 101,
         ["network.hidden: must be at most 100 layers, got 101"]),
        ("data", "train", "hidden_size",
         ["data.train: names 'hidden_size', but cannot be searched: all trials share one split"]),
        ("training", "epochs", 10**15,
         ["training.epochs: must be at most 1000000000, got 1000000000000000"]),
        ("training", "momentum", float("nan"),
         ["training.momentum: must be a finite number, got nan"]),
        ("training", "l2", nested(3000), ["training.l2: must be at most 16 tables and lists deep"]),
        ("training", "optimizer", ["sgd", "adam"],
         ["training.optimizer: must be 'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam' "
          "or 'adamw', got ['sgd', 'adam']; to search among values, name the key in "
          "[search_space]"]),
        ("training", "schedule", {"name": "step"},
         ["training.schedule: must be 'exponential', 'step' or 'cosine', got {'name': 'step'}"]),
        ("training", "an odd key" * 20, 1,
         [f"training.'{('an odd key' * 20)[:99]}… (202 characters): unknown key; known: "]),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
def test_a_value_that_an_engine_cannot_take_is_named(section, key, value, expected):
    found = changed(lambda tables: tables[section].update({key: value}))
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"type": "int", "low": 1, "high": 2**60}, ".high: must be at most 9007199254740992, got "),
        ({"type": "categorical", "choices": ["a" * 501, "b"]},
         ".choices[0]: must have at most 500 characters, got 501"),
        ({"type": "categorical", "choices": [*range(1001)]},
         ".choices: must be at most 1000 values, got 1001"),
        ({"type": "categorical", "choices": ["a\nb"]}, f".choices[0]: {TEXT}'a\\nb'"),
        ({"type": "float", "low": 0.0, "high": 1.0, "step": 1e-300},
         ": step must leave at most 1000000 steps in the range, got 1e-300"),
        ({"type": "float", "low": 0.0, "high": 1.0, "step": 1 / 3},
         ": high must be low and a number of steps, got 0.0, 1.0 and 0.3333333333333333"),
        ({"type": "float", "low": 0.0, "high": 1e308, "step": float("inf")},
         ".step: must be a finite number, got inf"),
    ],
)  # fmt: skip
def test_a_range_that_no_storage_keeps_is_named(table, expected):
    found = changed(lambda tables: tables["search_space"].update(learning_rate=table))
    assert found[0].startswith(f"search_space.learning_rate{expected}"), found


@pytest.mark.parametrize("decimals", [1, 2, 3, 4])
def test_both_ends_of_a_range_with_a_step_can_be_proposed(decimals):
    step = 10**-decimals
    for low in (0.0, 0.1, 0.3, 0.7, 12.4):
        for high in (0.2, 0.9, 1.0, 1.3, 35.8):
            if low < high:
                tables = copy.deepcopy(SPEC)
                table = {"type": "float", "low": low, "high": high, "step": step}
                tables["search_space"]["l2"] = table
                tables["enqueue"] = [{"l2": low}, {"l2": high}]
                parameter = make_study(tables).search_space["l2"]
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    distribution = distribution_of(parameter)
                assert distribution._contains(low)
                assert distribution._contains(high)


def test_a_search_space_has_as_many_parameters_as_mlflow_takes_at_once():
    more = {f"use_{n}": {"type": "categorical", "choices": [1, 2]} for n in range(99)}
    found = changed(lambda tables: tables["search_space"].update(more))
    assert found == ["search_space: must have at most 100 parameters, got 101"]


def test_thousands_of_mistakes_are_counted(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("".join(f"key_{number} = 1\n" for number in range(5000)))
    with pytest.raises(UsageError) as caught:
        load_study(path)
    lines = str(caught.value).splitlines()
    assert lines[-1] == "and 4905 more mistakes"
    assert len(lines) == 101


@pytest.mark.parametrize("name", ["a" * 100 + ".finalists", "a.1.1.finalists", "b" * 100 + ".123"])
def test_a_name_with_the_endings_that_studyhall_adds_can_be_read_back(name):
    assert StudySection.model_validate({"name": name}).name == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = " + "9" * 5000, "my.toml:2: must not have a number of so many digits"),
        ("a = " + "[" * 3000 + "]" * 3000, "my.toml: must not nest so many lists and tables"),
        ("#" * 1_000_001, "{path}: must have at most 1,000,000 bytes, got 1,000,001"),
    ],
    ids=["digits", "nested", "long"],
)
def test_a_file_that_python_cannot_read_is_named(tmp_path, text, expected):
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_study(path)
    assert str(caught.value) == expected.format(path=path)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 3000 + "]" * 3000], ids=["digits", "nested"])
def test_an_override_that_python_cannot_read_is_named(tmp_path, value):
    with pytest.raises(UsageError) as caught:
        load_study("cifar10", [f"study.seed={value}"])
    assert str(caught.value).startswith(
        f"--set: study.seed: must be a whole number, got '{value[:199]}…"
    )


def test_a_byte_order_mark_is_no_part_of_a_study_file(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(find_study("cifar10").read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert load_study(path) == load_study("cifar10")


def test_a_home_folder_of_nobody_is_a_folder_like_others(tmp_path):
    spec = load_study("cifar10", ["data.name=mine", "data.path=~nosuchuser/x"])
    assert spec.data["path"] == str(Path.cwd() / "~nosuchuser/x")


def test_a_file_name_that_is_too_long_is_named():
    name = "x" * 300 + ".toml"
    with pytest.raises(UsageError, match="cannot be read: File name too long"):
        load_study(name)
