"""What was read of recorded trials: verdicts and reproductions, each a run beside them."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from search.mlflow_errors import explained
from search.record import Point
from search.tracking import metrics_of, search_runs

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


def earlier_readings(client: MlflowClient, trial: Run) -> dict[str, dict[str, float]]:
    """What the last reproduction of a trial's study read of its trials, by run; empty without one.

    Args:
        client: An open client.
        trial: The run of any trial of the study.
    """
    parent = trial.data.tags["mlflow.parentRunId"]
    wanted = f"tags.`studyhall.kind` = 'reproduction' and tags.`mlflow.parentRunId` = '{parent}'"
    found = search_runs(client, trial.info.experiment_id, wanted)
    if not found:
        return {}
    with explained("the last reproduction"), tempfile.TemporaryDirectory() as folder:
        name = "reproduction.json"
        path = client.download_artifacts(found[0].info.run_id, name, folder)
        readings = json.loads(Path(path).read_bytes())["readings"]
    return {run: dict(values) for run, values in readings.items()}


def metric_keys(names: Iterable[str]) -> dict[str, str]:
    """Make names into ends of metrics' keys, all different; return the names by them.

    MLflow takes letters, digits and a few signs, but classes of a user's own may have any name.
    """
    keys: dict[str, str] = {}
    for name in names:
        key = re.sub(r"[^\w .-]", "_", name)
        while key in keys:
            key += "_"
        keys[key] = name
    return keys


def log_evaluation(
    client: MlflowClient, judged: Run, version: str, metrics: Mapping[str, float], folder: Path
) -> str:
    """Record a verdict as a run of its own beside the trial that it judges; return the run's id.

    Args:
        client: An open client.
        judged: The run of the trial whose model was judged.
        version: The registered version that was judged.
        metrics: The verdict's figures.
        folder: The verdict's files.
    """
    tags = {
        "mlflow.parentRunId": judged.data.tags["mlflow.parentRunId"],
        "studyhall.kind": "evaluation",
        "studyhall.judged_run": judged.info.run_id,
        "studyhall.judged_version": version,
    }
    name = f"evaluation-v{version}"
    return _log_run(client, judged.info.experiment_id, name, tags, metrics, folder)


def log_reproduction(
    client: MlflowClient,
    experiment_id: str,
    study_run_id: str,
    metrics: Mapping[str, float],
    folder: Path,
) -> str:
    """Record what was measured of a study's trials as a run beside them; return the run's id."""
    tags = {"mlflow.parentRunId": study_run_id, "studyhall.kind": "reproduction"}
    return _log_run(client, experiment_id, "reproduction", tags, metrics, folder)


def _log_run(
    client: MlflowClient,
    experiment_id: str,
    name: str,
    tags: Mapping[str, str],
    metrics: Mapping[str, float],
    folder: Path,
) -> str:
    now = int(time.time() * 1000)
    points = [Point(key=k, value=v, step=0, timestamp=now) for k, v in metrics.items()]
    with explained(f"the {name}"):
        run = client.create_run(experiment_id, now, dict(tags), run_name=name)
        client.log_batch(run.info.run_id, metrics=metrics_of(points))
        client.log_artifacts(run.info.run_id, str(folder))
        client.set_terminated(run.info.run_id)
    return str(run.info.run_id)
