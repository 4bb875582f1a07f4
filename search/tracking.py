"""What stands in MLflow for a study and its trials.

Runs are named by explicit ids: MLflow's fluent "active run" is state of a process and a thread.
MLflow is imported when a client is opened, not before: it takes a second or two.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search.errors import StudyhallError, UsageError
from search.mlflow_model import write_model
from search.record import ARTIFACTS, Point, StoredRecord, read

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric, Run
    from mlflow.tracking import MlflowClient

RUN_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
# MLflow's own defaults block for minutes when a server is away, and write to the terminal that
# the progress is drawn on; what the user sets is kept.
_SETTINGS = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "6",
}
_METRICS_A_REQUEST = 1000  # MLflow refuses more


@dataclass(frozen=True)
class TrackedData:
    """The dataset input of a run: its fingerprint in place of MLflow's digest of three images."""

    name: str
    fingerprint: str
    source_url: str
    train: int
    validation: int


@dataclass(frozen=True)
class StudyRun:
    """Where a study is tracked: all that a worker needs to record its trials."""

    uri: str
    experiment_id: str
    run_id: str
    data: TrackedData


def open_client(uri: str | None = None) -> MlflowClient:
    """Open MLflow's client; by default where plain `mlflow ui` looks in the same folder.

    Raises:
        UsageError: nothing answers at the address, or it is no address.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise UsageError(
            f"--tracking-uri: no MLflow tracking store answers at {uri or 'the default address'}; "
            f"start it, or correct the option or MLFLOW_TRACKING_URI ({_short(error)})"
        ) from error
    return client


class Tracker:
    """Writes one study and its trials to MLflow; trials from their records on disk.

    Every method that writes raises StudyhallError when MLflow does not take what is sent.
    """

    def __init__(self, study_run: StudyRun, client: MlflowClient | None = None) -> None:
        self.study_run = study_run
        self.client = client or open_client(study_run.uri)

    def open_trial(self, number: int, started: int) -> str:
        """Create the run of a trial, with its dataset input; return the run's id.

        Args:
            number: The trial's number.
            started: Milliseconds since 1970.
        """
        tags = {
            "mlflow.parentRunId": self.study_run.run_id,
            "studyhall.kind": "trial",
            "studyhall.trial": str(number),
        }
        name = f"trial-{number:04d}"
        with _explained(f"trial {number}"):
            experiment_id = self.study_run.experiment_id
            run = self.client.create_run(experiment_id, started, tags, run_name=name)
            run_id = str(run.info.run_id)
            self.client.log_inputs(run_id, datasets=[_dataset_input(self.study_run.data)])
        return run_id

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add points to a run's metrics."""
        with _explained(f"run {run_id}"):
            for start in range(0, len(points), _METRICS_A_REQUEST):
                metrics = _metrics(points[start : start + _METRICS_A_REQUEST])
                self.client.log_batch(run_id, metrics=metrics)

    def send(self, folder: Path, run_id: str | None = None, points_sent: int = 0) -> str:
        """Send a trial's record, end its run in the matching state, and delete the record.

        Args:
            folder: What `search.record.store` wrote.
            run_id: The trial's open run, if it was opened while the trial trained.
            points_sent: How many of the record's points that run already has.

        Returns:
            The id of the trial's run.
        """
        from mlflow.entities import Param, RunTag

        record = read(folder)
        run_id = run_id or self.open_trial(record.number, record.started)
        self.log_points(run_id, record.points[points_sent:])
        with _explained(f"trial {record.number}"):
            write_model(folder)
            self.client.log_batch(
                run_id,
                params=[Param(name, str(value)) for name, value in record.parameters.items()],
                tags=[RunTag(name, value) for name, value in record_tags(record).items()],
            )
            self.client.log_artifacts(run_id, str(folder / ARTIFACTS))
            self.client.set_terminated(run_id, RUN_STATUS[record.state], record.ended)
        shutil.rmtree(folder)
        return run_id

    def send_again(self, folder: Path) -> None:
        """Send a record that an earlier launch left behind, unless its run is whole already."""
        record = read(folder)
        wanted = f"tags.`studyhall.trial` = '{record.number}'"
        if any(run.info.status != "RUNNING" for run in self._children(wanted)):
            shutil.rmtree(folder)
        else:
            self.send(folder)

    def delete_unfinished(self) -> int:
        """Delete the runs of trials that were interrupted; they are done again from the start."""
        runs = self._children("attributes.status = 'RUNNING' and tags.`studyhall.kind` = 'trial'")
        with _explained("interrupted trials"):
            for run in runs:
                self.client.delete_run(run.info.run_id)
        return len(runs)

    def run_of(self, number: int) -> str:
        """The id of a finished trial's run.

        Raises:
            StudyhallError: MLflow has no run of that trial.
        """
        runs = self._children(f"tags.`studyhall.trial` = '{number}'")
        if not runs:
            raise StudyhallError(f"MLflow has no run of trial {number}; was it deleted there?")
        return str(runs[0].info.run_id)

    def log_study_artifacts(self, folder: Path) -> None:
        """Add the files of a folder to the study's run."""
        with _explained("the study's files"):
            self.client.log_artifacts(self.study_run.run_id, str(folder))

    def end_study(
        self, status: Literal["FINISHED", "KILLED", "FAILED"], metrics: Mapping[str, float]
    ) -> None:
        """Write the study's figures to its run and end it."""
        now = int(time.time() * 1000)
        points = [Point(key=k, value=v, step=0, timestamp=now) for k, v in metrics.items()]
        self.log_points(self.study_run.run_id, points)
        with _explained("the study's run"):
            self.client.set_terminated(self.study_run.run_id, status)

    def _children(self, wanted: str) -> list[Run]:
        parent = f"tags.mlflow.parentRunId = '{self.study_run.run_id}'"
        experiments, token = [self.study_run.experiment_id], None
        found: list[Run] = []
        with _explained("the study's runs"):
            while True:
                page = self.client.search_runs(
                    experiments, f"{parent} and {wanted}", page_token=token
                )
                found += page
                if not (token := page.token):
                    return found


def start_study(
    client: MlflowClient, name: str, data: TrackedData, run_id: str | None, tags: Mapping[str, str]
) -> StudyRun:
    """Open the experiment and the parent run of a study, those of an earlier launch if they exist.

    Args:
        client: An open client.
        name: The study's name: that of the experiment too.
        data: The dataset input.
        run_id: The parent run of an earlier launch.
        tags: What the parent run is to say of itself.
    """
    from mlflow.exceptions import MlflowException

    with _explained(f"experiment {name}"):
        experiment = client.get_experiment_by_name(name)
        experiment_id = str(
            experiment.experiment_id if experiment else client.create_experiment(name)
        )
        if experiment and experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment_id)
        try:
            known = client.get_run(run_id) if run_id else None
        except MlflowException:
            known = None  # another store than last time, or deleted there
        if known and known.info.lifecycle_stage == "active":
            client.update_run(known.info.run_id, status="RUNNING")
            run = known
        else:
            run = client.create_run(experiment_id, run_name=name, tags={"studyhall.kind": "study"})
            client.log_inputs(run.info.run_id, datasets=[_dataset_input(data)])
        for key, value in tags.items():
            client.set_tag(run.info.run_id, key, value)
    return StudyRun(client.tracking_uri, experiment_id, str(run.info.run_id), data)


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
    now = int(time.time() * 1000)
    points = [Point(key=k, value=v, step=0, timestamp=now) for k, v in metrics.items()]
    with _explained("the evaluation"):
        name = f"evaluation-v{version}"
        run = client.create_run(judged.info.experiment_id, now, tags, run_name=name)
        client.log_batch(run.info.run_id, metrics=_metrics(points))
        client.log_artifacts(run.info.run_id, str(folder))
        client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def record_tags(record: StoredRecord) -> dict[str, str]:
    """The tags of a trial's run: state and reason beside those that the record brings."""
    reason = {"studyhall.reason": record.reason} if record.reason else {}
    return {**record.tags, **reason, "studyhall.state": record.state}


def _metrics(points: Sequence[Point]) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(p.key, p.value, p.timestamp, p.step) for p in points]


def _dataset_input(data: TrackedData) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {"train": data.train, "validation": data.validation, "sha256": data.fingerprint}
    source = json.dumps({"url": data.source_url})
    # MLflow keeps 36 characters of a digest; the whole fingerprint is in the profile and a tag.
    dataset = Dataset(data.name, data.fingerprint[:36], "http", source, profile=json.dumps(profile))
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn MLflow's errors into a sentence that names what was being recorded."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StudyhallError(
            f"MLflow did not take the record of {what}: {_short(error)}"
        ) from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
