"""The trials of a recorded study as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.options import Options
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import read_storage
from studyhall.search.study.trial_result import TrialResult

if TYPE_CHECKING:
    import pandas as pd


def recorded_trials(name: str, storage: Path | str | None = None) -> pd.DataFrame:
    """The trials of a recorded study as a table with a row each, in the order of their numbers.

    Its columns are those of `studyhall export`: see `table_of`; the runs in MLflow are left empty.

    Args:
        name: The study.
        storage: The journal file or the address of a database; the working folder's by default.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    study = open_recorded(name, read_storage(Options(storage=storage).address))
    return table_of(study.begun(), list(study.spec.search_space), {})


def table_of(
    rows: Sequence[TrialResult], names: Sequence[str], runs: Mapping[int, str]
) -> pd.DataFrame:
    """Make a table with a row for each trial; what a trial lacks is empty.

    Args:
        rows: The trials.
        names: The parameters of the study, in its order.
        runs: MLflow's run of each trial by number, as far as they are known.

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
    """A column of one parameter: of numbers if all are, else of text; some trials may lack it."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    return pd.Series([None if v is None else str(v) for v in values], dtype="string")
