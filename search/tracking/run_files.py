"""The files of a run: fetched, and the trained network loaded from them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.model import Classifier, load_checkpoint
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.manifest import MANIFEST, listed
from studyhall.search.config.section import RECORDED
from studyhall.search.config.settings import TrialSettings
from studyhall.search.tracking.mlflow_model import WEIGHTS_FILE
from studyhall.search.tracking.study_runs import WEIGHTS_REMOVED, WEIGHTS_SHA256
from studyhall.search.tracking.tracker import ARTIFACTS_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


SETTINGS_FILE = "settings.json"


def load_trained(client: MlflowClient, run: Run) -> tuple[TrialSettings, Classifier]:
    """Load the settings and the trained network of a trial from its run.

    Both are compared with the SHA-256 in the run's tags before they are used: whoever may write to
    the store of files cannot pass other weights off as the trial's.

    Raises:
        StudyhallError: its files are gone, changed, damaged or cannot be fetched.
    """
    from mlflow.exceptions import MlflowException

    run_id = str(run.info.run_id)
    try:
        with downloaded(client, run_id, SETTINGS_FILE) as path:
            _require_sha256(path, SETTINGS_FILE, _settings_sha256(client, run))
            settings = TrialSettings.model_validate_json(path.read_bytes(), context=RECORDED)
        with downloaded(client, run_id, WEIGHTS_FILE) as path:
            _require_sha256(path, WEIGHTS_FILE, run.data.tags.get(WEIGHTS_SHA256, "none"))
            return settings, load_checkpoint(path)
    except (MlflowException, OSError, ValueError) as error:
        if removed := run.data.tags.get(WEIGHTS_REMOVED):
            raise StudyhallError(
                f"run {run_id}: its weights were removed by `studyhall gc` on {removed[:10]}"
            ) from None
        raise StudyhallError(f"run {run_id}: its model cannot be loaded: {error}") from error


def _settings_sha256(client: MlflowClient, run: Run) -> str | None:
    """The SHA-256 of a run's settings by its list of checksums, whose own SHA-256 is a tag.

    None for runs from before there was such a list.
    """
    if (wanted := run.data.tags.get(ARTIFACTS_TAG)) is None:
        return None
    with downloaded(client, str(run.info.run_id), MANIFEST) as path:
        _require_sha256(path, MANIFEST, wanted)
        return listed(path.parent).get(SETTINGS_FILE, "none")


def _require_sha256(path: Path, name: str, wanted: str | None) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if wanted is not None and found != wanted:
        raise ValueError(
            f"{name} must have the SHA-256 recorded with the trial, {wanted[:12]}, got "
            f"{found[:12]}; `studyhall doctor` with --fix trains the trial again and replaces it"
        )


@contextmanager
def downloaded(client: MlflowClient, run_id: str, path: str) -> Iterator[Path]:
    """Fetch a file of a run, to read within the `with` statement."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(client.download_artifacts(run_id, path, folder))


def download(artifact_uri: str, folder: Path, tracking_uri: str | None) -> Path:
    """Fetch a file by its address into a folder; return its path there."""
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(artifact_uri, dst_path=str(folder), tracking_uri=tracking_uri))


def artifact_bytes(client: MlflowClient, run_id: str, path: str) -> bytes | None:
    """The content of a run's file; None if the run has none of that name.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        with downloaded(client, run_id, path) as file:
            return file.read_bytes()
    except FileNotFoundError:
        return None
    except (MlflowException, OSError) as error:
        if missing_artifact(error):
            return None
        reason = " ".join(str(error).split())[:200]
        raise StudyhallError(f"run {run_id}: its {path} cannot be fetched: {reason}") from error


def missing_artifact(error: Exception) -> bool:
    """Whether an error of MLflow's means that there is no such file."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    named = getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"
    return named or status == 404 or "No such" in str(error)
