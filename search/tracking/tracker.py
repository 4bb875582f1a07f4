"""The trials of a study in MLflow, written from their records on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from studyhall.search.common.errors import StudyhallError
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.tracking.mlflow_model import lay_out
from studyhall.search.tracking.mlflow_server import store_explained
from studyhall.search.tracking.study_runs import StudyRun, dataset_input, metrics_of, search_runs
from studyhall.search.tracking.tracked_run import (
    RUN_STATUS,
    TrackedRun,
    precedence,
    record_tags,
    tracked_run,
)
from studyhall.search.training.record import ARTIFACTS, RESTORED, Point, StoredRecord

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

ARTIFACTS_TAG = "studyhall.artifacts_sha256"  # of their manifest, which is one of them
_METRICS_PER_REQUEST = 1000  # MLflow refuses more
_TAG_LENGTH = 5000  # MLflow refuses more than that or 8000, as the database allows


class Tracker:
    """Writes one study and its trials to MLflow; trials from their records on disk.

    Every method that writes raises StudyhallError when MLflow does not take what is sent.

    Args:
        study_run: The study's run.
        client: An open client; by default one is opened at the address of the study's run.
        name: The name of a trial's run, by the trial's number.
    """

    def __init__(
        self,
        study_run: StudyRun,
        client: MlflowClient | None = None,
        name: Callable[[int], str] = "trial-{:04d}".format,
    ) -> None:
        self.study_run, self._client, self._name = study_run, client, name

    @property
    def client(self) -> MlflowClient:
        """MLflow's client, opened when first needed: the server may be unreachable until then.

        Raises:
            UsageError: nothing answers at the address.
        """
        if self._client is None:
            self._client = open_client(self.study_run.uri)
        return self._client

    def create_run(self, number: int, attempt: int, started: int, *, restored: bool = False) -> str:
        """Create the run of an attempt at a trial, or of its restored record; return its id.

        Attempts count from 1; `started` is in milliseconds since 1970.
        """
        tags = {
            "mlflow.parentRunId": self.study_run.run_id,
            "studyhall.study_id": self.study_run.study_id,
            "studyhall.kind": "trial",
            "studyhall.trial": str(number),
            "studyhall.attempt": str(attempt),
        }
        if restored:
            tags[RESTORED] = "true"
        experiment_id, name = self.study_run.experiment_id, self._name(number)
        with explained(f"trial {number}"):
            run = self.client.create_run(experiment_id, started, tags, run_name=name)
        return str(run.info.run_id)

    def find_open(self, number: int, attempt: int, *, restored: bool = False) -> list[str]:
        """The unfinished runs of an attempt, or of its restored record, the oldest first."""
        attempted = f"tags.`studyhall.attempt` = '{attempt}'"
        trial = f"tags.`studyhall.trial` = '{number}'"
        found = self._trials(f"attributes.status = 'RUNNING' and {trial} and {attempted}")
        own = [run for run in found if (RESTORED in run.data.tags) == restored]
        return [str(run.info.run_id) for run in sorted(own, key=lambda r: r.info.start_time)]

    def log_data(self, run_id: str) -> None:
        """Record which data a run was trained on."""
        with explained(f"run {run_id}"):
            self.client.log_inputs(run_id, datasets=[dataset_input(self.study_run.data)])

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add points to a run's metrics."""
        with explained(f"run {run_id}"):
            for start in range(0, len(points), _METRICS_PER_REQUEST):
                metrics = metrics_of(points[start : start + _METRICS_PER_REQUEST])
                self.client.log_batch(run_id, metrics=metrics)

    def log_record(
        self, run_id: str, folder: Path, record: StoredRecord, points_sent: int = 0
    ) -> None:
        """Upload a trial's record to its run, and end the run in the matching state.

        A record can be uploaded again, from its start or from where it was interrupted: MLflow
        keeps equal points, parameters and tags once, and a file replaces one of the same name.

        Args:
            run_id: The trial's run.
            folder: What `studyhall.search.training.record.store` wrote.
            record: What `studyhall.search.training.record.read` read there.
            points_sent: How many of the record's points the run already has.

        Raises:
            OSError: the model cannot be written among the artifacts.
            MlflowError: MLflow does not take the record, or not now.
        """
        from mlflow.entities import Param, RunTag

        sum_of_sums = lay_out(folder)
        self.log_points(run_id, record.points[points_sent:])
        tags = record_tags(record) | {ARTIFACTS_TAG: sum_of_sums}
        with explained(f"trial {record.number}"):
            self.client.log_batch(
                run_id,
                params=[Param(name, str(value)) for name, value in record.parameters.items()],
                tags=[RunTag(name, value) for name, value in tags.items()],
            )
            self._upload_files(run_id, folder / ARTIFACTS)
            self.client.set_terminated(run_id, RUN_STATUS[record.state], record.ended)

    def log_files(self, run_id: str, folder: Path) -> None:
        """Upload only the files of a record, for a run that has the rest."""
        sum_of_sums = lay_out(folder)
        with explained(f"run {run_id}"):
            self.client.set_tag(run_id, ARTIFACTS_TAG, sum_of_sums)
            self._upload_files(run_id, folder / ARTIFACTS)

    @contextmanager
    def files(self, run: TrackedRun) -> Iterator[Path]:
        """The folder that holds a run's files; they are fetched if they are not on this machine."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

        with ExitStack() as stack:
            with explained(f"run {run.run_id}"):
                stored: Any = get_artifact_repository(
                    run.artifact_uri, tracking_uri=self.study_run.uri
                )
                target = None
                if not isinstance(stored, LocalArtifactRepository):
                    target = stack.enter_context(TemporaryDirectory())
                folder = Path(stored.download_artifacts("", target))
            yield folder

    def correct(self, run_id: str, status: str, tags: Mapping[str, str | None]) -> None:
        """Set the status and the tags of an ended run; a tag whose value is None is deleted."""
        from mlflow.entities import RunTag

        present = [RunTag(name, value) for name, value in tags.items() if value is not None]
        with explained(f"run {run_id}"):
            actual = self.client.get_run(run_id)
            self.client.log_batch(run_id, tags=present)
            for name, value in tags.items():
                if value is None and name in actual.data.tags:
                    self.client.delete_tag(run_id, name)
            if actual.info.status == "RUNNING":
                self.client.set_terminated(run_id, status)
            else:
                self.client.update_run(run_id, status)

    def append_tag(self, name: str, lines: Sequence[str]) -> None:
        """Add lines to a tag of the study's run; a text that is too long is cut at its start."""
        with explained("the study's run"):
            before = self.client.get_run(self.study_run.run_id).data.tags.get(name)
            text = "\n".join([*([before] if before else []), *lines])
            self.client.set_tag(self.study_run.run_id, name, text[-_TAG_LENGTH:])

    def trial_runs(self) -> list[TrackedRun]:
        """All runs of the study's trials, including deleted ones, the oldest first."""
        found = self._trials("attributes.status != ''", deleted=True)
        return sorted((tracked_run(run) for run in found), key=lambda run: run.started)

    def find(self, run_id: str) -> TrackedRun | None:
        """The current state of a run, deleted or not; None if MLflow no longer has it."""
        from mlflow.exceptions import MlflowException

        with explained(f"run {run_id}"):
            try:
                return tracked_run(self.client.get_run(run_id))
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise

    def restore_run(self, run_id: str) -> None:
        """Restore a run that was deleted in MLflow."""
        with explained(f"run {run_id}"):
            self.client.restore_run(run_id)

    def delete_run(self, run_id: str) -> None:
        """Delete a run, if MLflow has it."""
        from mlflow.exceptions import MlflowException

        with explained(f"run {run_id}"):
            try:
                self.client.delete_run(run_id)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    def answers(self) -> bool:
        """Whether MLflow finds the study's experiment, and so works with its database."""
        try:
            with explained("the study"):
                self.client.get_experiment(self.study_run.experiment_id)
        except StudyhallError:
            return False
        return True

    def run_of(self, number: int) -> str:
        """The id of a finished trial's run, which is restored if it was deleted in MLflow.

        Raises:
            StudyhallError: MLflow has no run of that trial.
        """
        ended = self._ended_runs_of(number)
        if not ended:
            raise StudyhallError(
                f"MLflow has no run of trial {number}, the best: it was recorded elsewhere or "
                "deleted for good; name the earlier --tracking-uri, or have it trained again by "
                "`studyhall doctor` with --fix"
            )
        run = min(ended, key=lambda run: (run.deleted, precedence(run)))
        if run.deleted:
            self.restore_run(run.run_id)
        return run.run_id

    def has_run_of(self, number: int) -> bool:
        """Whether MLflow has a whole run of a trial."""
        return bool(self._ended_runs_of(number))

    def ended_runs(self, number: int, attempt: int) -> list[TrackedRun]:
        """The ended runs of an attempt, and of its restored record, sorted by `precedence`."""
        ended = self._ended_runs_of(number)
        found = [run for run in ended if run.attempt == attempt and not run.deleted]
        return sorted(found, key=precedence)

    def _ended_runs_of(self, number: int) -> list[TrackedRun]:
        runs = self._trials(f"tags.`studyhall.trial` = '{number}'", deleted=True)
        return [tracked_run(run) for run in runs if run.info.status != "RUNNING"]

    def log_study_artifacts(self, folder: Path) -> None:
        """Add the files of a folder to the study's run."""
        with explained("the study's files"):
            self._upload_files(self.study_run.run_id, folder)

    def end_study(
        self, status: Literal["FINISHED", "KILLED", "FAILED"], metrics: Mapping[str, float]
    ) -> None:
        """Write the study's metrics to its run and end it."""
        now = int(time.time() * 1000)
        points = [Point(key=k, value=v, step=0, timestamp=now) for k, v in metrics.items()]
        self.log_points(self.study_run.run_id, points)
        with explained("the study's run"):
            self.client.set_terminated(self.study_run.run_id, status)

    def _upload_files(self, run_id: str, folder: Path) -> None:
        with store_explained(self.study_run.uri, self.study_run.experiment_id):
            self.client.log_artifacts(run_id, str(folder))

    def _trials(self, wanted: str, deleted: bool = False) -> list[Run]:
        study = f"tags.`studyhall.study_id` = '{self.study_run.study_id}'"
        kind = "tags.`studyhall.kind` = 'trial'"
        wanted = f"{study} and {kind} and {wanted}"
        return search_runs(self.client, self.study_run.experiment_id, wanted, deleted)
