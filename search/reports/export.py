"""The trials of a study as a table: a pandas frame, or a CSV or Parquet file."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import UsageError
from studyhall.search.reports.output_file import output_problems, write_output
from studyhall.search.reports.recorded_facts import find_tracked, trial_runs
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.trial_result import TrialResult

if TYPE_CHECKING:
    import pandas as pd

ENDINGS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": lambda table: table.to_csv(index=False).encode(),
    ".parquet": lambda table: _parquet(table),
}


def require_exportable(path: Path, *, replace: bool) -> None:
    """Check, before any work, that a table can be written at `path`.

    Args:
        path: The file; its ending selects the format.
        replace: Whether an existing file can be replaced.

    Raises:
        UsageError: the ending is not in `ENDINGS`, the file exists, or its folder cannot be
            written to.
    """
    problems = output_problems("FILE", path, replace=replace)
    if path.suffix.lower() not in ENDINGS:
        endings = " or ".join(ENDINGS)
        problems.insert(0, f"FILE: must end with {endings}, got '{path}'")
    if problems:
        raise UsageError("\n".join(problems))


def export_study(
    name: str,
    path: Path | str,
    *,
    replace: bool = False,
    storage: Path | str | None = None,
    tracking_uri: str | None = None,
) -> int:
    """Write a row for each trial of a recorded study, as CSV or Parquet; return how many.

    Args:
        name: The study.
        path: The file; its ending selects the format.
        replace: Whether an existing file can be replaced.
        storage: The journal file or database with the study; by default in the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: the file cannot or must not be written, there is no such study, or its storage
            cannot be reached.
        StudyhallError: MLflow does not answer, or the file cannot be written to the disk.
    """
    path = Path(path)
    require_exportable(path, replace=replace)
    study = open_recorded(name, storage)
    found = find_tracked(study, tracking_uri)
    runs = {number: run.run_id for number, run in trial_runs(*found).items()} if found else {}
    rows = study.begun()
    table = table_of(rows, list(study.spec.search_space), runs)
    write_output(path, ENDINGS[path.suffix.lower()](table))
    return len(rows)


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, engine="pyarrow")
    return buffer.getvalue()


def recorded_trials(name: str, storage: Path | str | None = None) -> pd.DataFrame:
    """The trials of a recorded study as a table: a row per trial, in the order of numbers.

    The columns are those of `studyhall export`, see `table_of`; the runs in MLflow are left empty.

    Args:
        name: The study.
        storage: The journal file or database with the study; by default in the working folder.

    Raises:
        UsageError: there is no such study, or none of its trials was run here.
    """
    study = open_recorded(name, storage)
    return table_of(study.begun(), list(study.spec.search_space), {})


def table_of(
    rows: Sequence[TrialResult], names: Sequence[str], runs: Mapping[int, str]
) -> pd.DataFrame:
    """Make a table with a row for each trial; values that a trial does not have are empty.

    Args:
        rows: The trials.
        names: The parameters of the study, in its order.
        runs: The known runs of trials in MLflow, by number.

    Returns:
        The columns number, state, reason, value, `parameter.` and each name, epochs, seconds,
        started and ended (UTC), weights_sha256, and run_id.
    """
    import pandas as pd

    columns: dict[str, pd.Series] = {
        "number": pd.Series([row.number for row in rows], dtype="int64"),
        "state": pd.Series([row.state for row in rows], dtype="string"),
        "reason": pd.Series([row.reason for row in rows], dtype="string"),
        "value": pd.Series([row.value for row in rows], dtype="float64"),
    }
    for name in names:
        columns[f"parameter.{name}"] = _parameter([row.parameters.get(name) for row in rows])
    columns |= {
        "epochs": pd.Series([row.epochs for row in rows], dtype="int64"),
        "seconds": pd.Series([row.seconds for row in rows], dtype="float64"),
        "started": pd.Series([row.started for row in rows], dtype="datetime64[ms, UTC]"),
        "ended": pd.Series([row.ended for row in rows], dtype="datetime64[ms, UTC]"),
        "weights_sha256": pd.Series([row.weights_sha256 for row in rows], dtype="string"),
        "run_id": pd.Series([runs.get(row.number) for row in rows], dtype="string"),
    }
    return pd.DataFrame(columns)


def _parameter(values: list[object]) -> pd.Series:
    """A parameter's column: of numbers if all values are, else of text; empty where it has none."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    return pd.Series([None if v is None else str(v) for v in values], dtype="string")
