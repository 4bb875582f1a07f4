"""A recorded study that breaks a limit of study files, as earlier versions took it, is readable."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from pydantic import ValidationError

from studyhall import UsageError
from studyhall.search.config.study_file import make_study
from studyhall.search.config.study_spec import StudySpec, recorded_spec
from studyhall.search.study.recorded import recorded_summaries, recorded_summary
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import SPEC as RECORD
from studyhall.search.study.studies import open_study
from tests.search.moons import SPEC

THIRDS = {"type": "float", "low": 0.0, "high": 0.9, "step": 0.2999999999}
LOG_STEP = {"type": "float", "low": 1.0, "high": 2.0, "step": 1.0, "log": True}


def tables_with(table: str, key: str, value: Any) -> dict[str, Any]:
    tables = copy.deepcopy(SPEC)
    tables[table][key] = value
    return tables


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("search_space", "momentum", THIRDS),
        ("search_space", "momentum", {"type": "float", "low": 0.0, "high": 0.9, "step": 1e-7}),
        (
            "search_space",
            "l2",
            {"type": "float", "low": 1.0, "high": 2.0, "step": 1.0, "log": True},
        ),
        ("search_space", "repeat", {"type": "int", "low": 0, "high": 2**60}),
        ("search_space", "repeat", {"type": "int", "low": 1, "high": 2**32 + 1, "step": 2**32}),
        ("study", "trials", 200_000),
        ("study", "window", 2**31),
        ("study", "name", "m" * 98 + ".finalists" * 11),
        ("network", "hidden", [2_000_000, "hidden_size"]),
        ("training", "batch_size", 2_000_000),
        ("training", "epochs", 2_000_000_000),
        ("data", "train", 2_000_000_000),
    ],
)
def test_a_limit_of_study_files_does_not_hide_a_recorded_study(table, key, value):
    tables = tables_with(table, key, value)
    with pytest.raises(UsageError):
        make_study(tables)
    spec = recorded_spec(json.loads(json.dumps(tables)))
    assert json.loads(spec.model_dump_json(exclude_unset=True)) == tables
    assert spec.corner_settings()
    assert spec.data_settings.train


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("study", "trials", 0),
        ("study", "window", -(2**60)),
        ("study", "trials", 2.0),
        ("study", "trials", True),
    ],
)
def test_a_record_that_no_version_took_is_refused(table, key, value):
    with pytest.raises(ValidationError):
        recorded_spec(tables_with(table, key, value))


def test_a_study_of_an_earlier_version_is_listed_beside_the_others(tmp_path):
    storage = open_storage(tmp_path / "journal")
    open_study(storage, StudySpec.model_validate(SPEC), "data")
    old = open_study(storage, StudySpec.model_validate(tables_with("study", "name", "old")), "data")
    tables = tables_with("search_space", "momentum", THIRDS)
    tables["study"]["name"] = "old"
    storage.set_study_user_attr(old._id, RECORD, json.dumps(tables))
    names = [summary.name for summary in recorded_summaries(tmp_path / "journal")]
    assert names == ["moons", "old"]
    assert recorded_summary("old", tmp_path / "journal").wanted == 6
