"""The trials of a study in MLflow, written from their records on disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search.errors import StudyhallError
from search.mlflow_model import write_model
from search.record import ARTIFACTS, Point, StoredRecord, read
from search.tracking import (
    StudyRun,
    dataset_input,
    explained,
    metrics_of,
    open_client,
    search_runs,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

RUN_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_METRICS_A_REQUEST = 1000  # MLflow refuses more


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
            "studyhall.study_id": self.study_run.study_id,
            "studyhall.kind": "trial",
            "studyhall.trial": str(number),
        }
        name = f"trial-{number:04d}"
        with explained(f"trial {number}"):
            experiment_id = self.study_run.experiment_id
            run = self.client.create_run(experiment_id, started, tags, run_name=name)
            run_id = str(run.info.run_id)
            self.client.log_inputs(run_id, datasets=[dataset_input(self.study_run.data)])
        return run_id

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add points to a run's metrics."""
        with explained(f"run {run_id}"):
            for start in range(0, len(points), _METRICS_A_REQUEST):
                metrics = metrics_of(points[start : start + _METRICS_A_REQUEST])
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
        with explained(f"trial {record.number}"):
            write_model(folder)
            self.client.log_batch(
                run_id,
                params=[Param(name, str(value)) for name, value in record.parameters.items()],
                tags=[RunTag(name, value) for name, value in record_tags(record).items()],
            )
            self.client.log_artifacts(run_id, str(folder / ARTIFACTS))
            self.client.set_terminated(run_id, RUN_STATUS[record.state], record.ended)
        _discard(folder)
        return run_id

    def send_again(self, folder: Path) -> None:
        """Send a record that an earlier launch left behind, unless its run is whole already."""
        record = read(folder)
        if any(run.info.status != "RUNNING" for run in self._runs_of(record.number)):
            _discard(folder)
        else:
            self.send(folder)

    def delete_unfinished(self) -> int:
        """Delete the runs of trials that were interrupted; they are done again from the start."""
        runs = self._trials("attributes.status = 'RUNNING'")
        with explained("interrupted trials"):
            for run in runs:
                self.client.delete_run(run.info.run_id)
        return len(runs)

    def run_of(self, number: int) -> str:
        """The id of a finished trial's run, which is restored if it was deleted in MLflow.

        Raises:
            StudyhallError: MLflow has no run of that trial.
        """
        ended = [run for run in self._runs_of(number) if run.info.status != "RUNNING"]
        if not ended:
            raise StudyhallError(
                f"MLflow has no run of trial {number}, the best: it was recorded elsewhere or "
                "deleted for good; name the earlier --tracking-uri, or start over with --fresh"
            )
        run = min(ended, key=lambda run: str(run.info.lifecycle_stage))  # active before deleted
        if run.info.lifecycle_stage == "deleted":
            with explained(f"trial {number}"):
                self.client.restore_run(run.info.run_id)
        return str(run.info.run_id)

    def _runs_of(self, number: int) -> list[Run]:
        return self._trials(f"tags.`studyhall.trial` = '{number}'", deleted=True)

    def log_study_artifacts(self, folder: Path) -> None:
        """Add the files of a folder to the study's run."""
        with explained("the study's files"):
            self.client.log_artifacts(self.study_run.run_id, str(folder))

    def end_study(
        self, status: Literal["FINISHED", "KILLED", "FAILED"], metrics: Mapping[str, float]
    ) -> None:
        """Write the study's figures to its run and end it."""
        now = int(time.time() * 1000)
        points = [Point(key=k, value=v, step=0, timestamp=now) for k, v in metrics.items()]
        self.log_points(self.study_run.run_id, points)
        with explained("the study's run"):
            self.client.set_terminated(self.study_run.run_id, status)

    def _trials(self, wanted: str, deleted: bool = False) -> list[Run]:
        study = f"tags.`studyhall.study_id` = '{self.study_run.study_id}'"
        kind = "tags.`studyhall.kind` = 'trial'"
        wanted = f"{study} and {kind} and {wanted}"
        return search_runs(self.client, self.study_run.experiment_id, wanted, deleted)


def _discard(folder: Path) -> None:
    """Delete a record that was sent; one that is half deleted no longer looks like a record."""
    shutil.rmtree(folder.rename(folder.with_name(f".{folder.name}-sent")))


def record_tags(record: StoredRecord) -> dict[str, str]:
    """The tags of a trial's run: state and reason beside those that the record brings."""
    reason = {"studyhall.reason": record.reason} if record.reason else {}
    return {**record.tags, **reason, "studyhall.state": record.state}
