"""Trials as a table in a file: every one, whole, in columns of one kind."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pandas as pd
import pytest

from studyhall import UsageError
from studyhall.search.reports.export import export_study
from tests.search.reports.fake_study import TRIALS, FakeTrial, record_study

READERS = {
    "trials.csv": lambda path: pd.read_csv(path, dtype_backend="numpy_nullable"),
    "trials.parquet": pd.read_parquet,
}


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_each_trial_has_its_row(working_folder, name):
    record_study(working_folder)
    path = working_folder / name
    assert export_study("s", path) == len(TRIALS)
    table = READERS[name](path)
    assert list(table["number"]) == [0, 1, 2, 3, 4]
    assert list(table["state"]) == [trial.state for trial in TRIALS]
    assert list(table["reason"].dropna()) == ["median pruned it", "<b>bad</b> | luck"]
    assert list(table["value"].dropna()) == [0.5, 0.7, 0.2, 0.6]
    assert list(table["parameter.units"]) == [3, 30, 7, 9, 9]
    assert list(table["parameter.rate"]) == [0.1, 0.01, 0.5, 1.0, 0.02]
    assert list(table["parameter.method"]) == ["none", "large", "none", "none", "large"]
    assert list(table["parameter.strength"].dropna()) == [0.5, 0.1]
    assert list(table["epochs"]) == [2, 2, 2, 0, 2]
    assert list(table["seconds"]) == [2.0] * 5
    assert table["weights_sha256"].notna().sum() == 4
    ended = pd.to_datetime(table["ended"], utc=True)
    assert (ended >= pd.to_datetime(table["started"], utc=True)).all()
    assert table["run_id"].isna().all()  # MLflow was never asked to keep anything here
    assert sorted(os.listdir(working_folder)) == [".studyhall", "studyhall.journal", name]


def test_a_trial_that_was_not_timed_has_no_seconds(working_folder):
    record_study(working_folder, [FakeTrial(0.5), FakeTrial(None, state="failed", seconds=0.0)])
    export_study("s", "t.csv")
    assert list(pd.read_csv("t.csv")["seconds"].fillna(-1)) == [2.0, -1]


def test_parquet_keeps_the_types(working_folder):
    record_study(working_folder)
    export_study("s", working_folder / "t.parquet")
    types = pd.read_parquet(working_folder / "t.parquet").dtypes
    assert types["number"] == "int64"
    assert types["parameter.units"] == "Int64"
    assert types["parameter.strength"] == "float64"
    assert str(types["started"]) == "datetime64[ms, UTC]"


def test_a_study_without_trials_has_a_table_without_rows(working_folder):
    record_study(working_folder, ())
    assert export_study("s", working_folder / "t.csv") == 0
    assert list(pd.read_csv(working_folder / "t.csv").columns)[:4] == [
        *("number", "state", "reason", "value")
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [((True, False), "boolean"), ((1, 2), "Int64"), ((1, 0.5), "float64"), ((1, "a"), "string")],
    ids=str,
)
def test_a_column_is_of_the_kind_that_all_its_values_are_of(working_folder, values, kind):
    space = {"x": {"type": "categorical", "choices": list(values)}}
    record_study(working_folder, [FakeTrial(0.1, {"x": value}) for value in values], space)
    export_study("s", working_folder / "t.parquet")
    column = pd.read_parquet(working_folder / "t.parquet")["parameter.x"]
    assert column.dtype == kind
    assert list(column) == ([str(v) for v in values] if kind == "string" else list(values))


def test_a_diverged_value_stays_what_it_was(working_folder):
    record_study(
        working_folder, [FakeTrial(math.inf)], metric="validation_loss", direction="minimize"
    )
    export_study("s", working_folder / "t.csv")
    assert pd.read_csv(working_folder / "t.csv")["value"].tolist() == [math.inf]


def refused(path, **options) -> str:
    with pytest.raises(UsageError) as error:
        export_study("s", path, **options)
    return str(error.value)


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(working_folder):
    record_study(working_folder)
    path = working_folder / "t.csv"
    path.write_text("mine")
    assert refused(path) == (
        f"FILE: {path} already exists; name another file, or replace it with --force"
    )
    assert path.read_text() == "mine"
    export_study("s", path, replace=True)
    assert path.read_text().startswith("number,state")


def test_every_mistake_in_the_file_is_named_at_once(working_folder):
    folder = working_folder / "missing"
    assert refused(folder / "t.xlsx").splitlines() == [
        f"FILE: must end with .csv or .parquet, got '{folder / 't.xlsx'}'",
        f"FILE: {folder / 't.xlsx'} cannot be written: create the folder {folder} first",
    ]


def test_a_folder_is_no_file(working_folder):
    (working_folder / "t.csv").mkdir()
    assert refused(working_folder / "t.csv", replace=True).startswith(
        f"FILE: {working_folder / 't.csv'} is a folder; name a file in it"
    )


def test_a_folder_that_cannot_be_written_is_named():
    assert refused(Path("/proc/t.csv")).startswith("FILE: the folder /proc cannot be written to: ")


def test_an_unknown_study_is_named():
    assert refused(Path("t.csv")) == "No study named 's'. `studyhall list` shows all."
    assert not Path("t.csv").exists()
