"""MLflow's database of this machine, created whole: what is killed half-way leaves none behind."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from studyhall.search.common.atomic_files import sweep, temporary_name

_SCHEME = "sqlite:///"


def create_whole(uri: str | None) -> None:
    """Create MLflow's SQLite database if that is what `uri` names and there is none yet.

    MLflow makes a new one in many steps, and cannot go on with one that was broken off.

    Args:
        uri: MLflow's address; by default MLflow's own.
    """
    from mlflow.tracking import MlflowClient

    if (path := missing(uri)) is None:
        return
    sweep(path.parent, path.name)
    hidden = temporary_name(path)
    try:
        MlflowClient(tracking_uri=f"{_SCHEME}{hidden}").search_experiments(max_results=1)
        with suppress(FileExistsError):  # another command was faster
            os.link(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


def missing(uri: str | None) -> Path | None:
    """Where MLflow's SQLite database is to be, if that is what `uri` names and there is none yet.

    Args:
        uri: MLflow's address; by default MLflow's own.
    """
    import mlflow

    address = uri or mlflow.get_tracking_uri()
    if not address.startswith(_SCHEME) or "?" in address:
        return None
    path = Path(address.removeprefix(_SCHEME))
    return None if path.exists() else path
