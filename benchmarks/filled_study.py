"""A study made large without training: copies of trials that were really trained and recorded."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

CREATE_TRIAL, SET_PARAMETER = 4, 5  # what Optuna's journal calls them

# Where a trial's run stands in MLflow's database: the rows that are its own, and what differs in a
# copy's. `copy` has the number and the run's id of each copy.
_OF_RUN = "row.run_uuid = :run"
_NAME = "printf('trial-%04d', copy.number)"
_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "runs": (
        _OF_RUN,
        {
            "run_uuid": "copy.id",
            "name": _NAME,
            "artifact_uri": "replace(row.artifact_uri, row.run_uuid, copy.id)",
        },
    ),
    "tags": (
        _OF_RUN,
        {
            "run_uuid": "copy.id",
            "value": f"CASE row.key WHEN 'studyhall.trial' THEN copy.number "
            f"WHEN 'mlflow.runName' THEN {_NAME} ELSE row.value END",
        },
    ),
    "params": (_OF_RUN, {"run_uuid": "copy.id"}),
    "metrics": (_OF_RUN, {"run_uuid": "copy.id"}),
    "latest_metrics": (_OF_RUN, {"run_uuid": "copy.id"}),
    "input_tags": (
        "row.input_uuid = (SELECT input_uuid FROM inputs WHERE destination_id = :run)",
        {"input_uuid": "copy.id"},
    ),
    "inputs": ("row.destination_id = :run", {"destination_id": "copy.id", "input_uuid": "copy.id"}),
}


def fill_journal(path: Path, wanted: int, generator: np.random.Generator) -> None:
    """Add trials to the one study of a journal until there are `wanted`.

    They are copies, line by line, of those that are there, which have finished; their parameters,
    of which all must be of type "float", are drawn anew.
    """
    trials: list[list[dict[str, Any]]] = []
    for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if line["op_code"] == CREATE_TRIAL:
            trials.append([line])
        elif "trial_id" in line:
            trials[line["trial_id"]].append(line)
    with path.open("a", encoding="utf-8") as journal:
        for number in range(len(trials), wanted):
            for line in trials[number % len(trials)]:
                copied = json.dumps(_copied(line, number, generator), separators=(",", ":"))
                journal.write(f"{copied}\n")


def _copied(line: dict[str, Any], number: int, generator: np.random.Generator) -> dict[str, Any]:
    changes: dict[str, Any] = {"worker_id": "benchmark"}
    if line["op_code"] != CREATE_TRIAL:
        changes["trial_id"] = number
    if line["op_code"] == SET_PARAMETER:
        bounds = json.loads(line["distribution"])["attributes"]
        changes["param_value_internal"] = generator.uniform(bounds["low"], bounds["high"])
    return {**line, **changes}


def fill_mlflow(database: Path, run_id: str, numbers: range) -> None:
    """Copy all rows of a trial's run under the ids of new runs, one for each of `numbers`.

    Plain SQL on MLflow's SQLite database; artifacts are not copied.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TEMP TABLE copy (number INTEGER, id TEXT)")
        copies = [(number, f"{number:032x}") for number in numbers]
        connection.executemany("INSERT INTO copy VALUES (?, ?)", copies)
        for table, (own, changes) in _TABLES.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changes.get(column, f'row."{column}"') for column in columns)
            connection.execute(
                f"INSERT INTO {table} SELECT {values} FROM {table} row, copy WHERE {own}",
                {"run": run_id},
            )
