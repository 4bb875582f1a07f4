"""MLflow's database before the first run: a copy of one that was made once."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from functools import cache
from pathlib import Path

from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path


def sqlite(folder: Path) -> str:
    """The address of MLflow's database in a folder, where it is put if there is none.

    MLflow goes through all versions of its tables when it makes a database, which takes a second.
    """
    path = folder / "mlflow.db"
    if folder.is_dir() and not path.exists():
        shutil.copy(_made(), path)
    return f"sqlite:///{path}"


def files_of(run: Run) -> Path:
    """The folder of a run's files."""
    return Path(local_file_uri_to_path(run.info.artifact_uri))


@cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="studyhall-mlflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    with sqlite3.connect(path) as database:
        database.execute("delete from experiments")  # the first has an address of files in it
    database.close()
    return path
