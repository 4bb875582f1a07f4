"""The trials of a study as a table in a file, for other programs."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.reports.output_file import output_problems, write_output
from studyhall.search.reports.recorded_facts import find_tracked, trial_runs
from studyhall.search.reports.trial_table import table_of
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_fingerprint

if TYPE_CHECKING:
    import pandas as pd

ENDINGS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": lambda table: table.to_csv(index=False).encode(),
    ".parquet": lambda table: _parquet(table),
}


def require_exportable(path: Path, *, replace: bool) -> None:
    """Find out before any work whether a table can be written at `path`.

    Args:
        path: Where it is to be; its ending says in which form.
        replace: Whether a file that is there may be replaced.

    Raises:
        UsageError: the ending is none of those that there are, the file is there, or its folder
            cannot be written.
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
        path: Where to write; its ending says in which form.
        replace: Whether a file that is there may be replaced.
        storage: Where the study is kept; by default in the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: the file cannot or must not be written, there is no such study, or nothing
            answers where it is kept.
        StudyhallError: MLflow does not answer, or the disk does not take the file.
    """
    path = Path(path)
    require_exportable(path, replace=replace)
    opened = read_storage(Options(storage=storage).address)
    study = open_recorded(name, opened)
    found = find_tracked(study, recorded_fingerprint(opened, name), tracking_uri)
    runs = {number: run.run_id for number, run in trial_runs(*found).items()} if found else {}
    rows = study.begun()
    table = table_of(rows, list(study.spec.search_space), runs)
    write_output(path, ENDINGS[path.suffix.lower()](table))
    return len(rows)


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, engine="pyarrow")
    return buffer.getvalue()
