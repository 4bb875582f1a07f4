"""The model of a trial, loaded from the run that recorded it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model import Classifier, load_checkpoint
from search.errors import StudyhallError
from search.mlflow_model import MODEL_FOLDER, WEIGHTS_IN_MODEL
from search.settings import TrialSettings

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Trained:
    """A network with the settings that it was trained with."""

    settings: TrialSettings
    classifier: Classifier


def load_trained(client: MlflowClient, run: Run) -> Trained:
    """Load what a trial left in MLflow.

    Raises:
        StudyhallError: its files are gone, damaged or cannot be fetched.
    """
    from mlflow.exceptions import MlflowException

    run_id = str(run.info.run_id)
    try:
        with downloaded(client, run_id, "settings.json") as path:
            settings = TrialSettings.model_validate_json(path.read_bytes())
        with downloaded(client, run_id, f"{MODEL_FOLDER}/{WEIGHTS_IN_MODEL}") as path:
            return Trained(settings, load_checkpoint(path))
    except (MlflowException, OSError, ValueError) as error:
        raise StudyhallError(f"run {run_id}: its model cannot be loaded: {error}") from error


@contextmanager
def downloaded(client: MlflowClient, run_id: str, path: str) -> Iterator[Path]:
    """A copy of a run's artifact, for as long as it is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(client.download_artifacts(run_id, path, folder))
