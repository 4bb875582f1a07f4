"""The runs in MLflow with the size of their files, and their deletion."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from studyhall.search.common.errors import StudyhallError
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.tracking.mlflow_model import WEIGHTS_FILE
from studyhall.search.tracking.mlflow_server import is_server
from studyhall.search.tracking.mlflow_ui import ui_address
from studyhall.search.tracking.study_runs import (
    STUDY_ID,
    WEIGHTS_REMOVED,
    experiment_names,
    own_run,
    search_runs,
)
from studyhall.search.tracking.tracked_run import TrackedRun, tracked_run

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_URIS = ("MLFLOW_BACKEND_STORE_URI", "MLFLOW_TRACKING_URI")
_PAGE = 200


class StoredRuns:
    """The runs of one MLflow; every method raises StudyhallError if it does not answer."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._uri = str(client.tracking_uri)

    def of_study(self, experiment: str, study_id: str) -> list[TrackedRun]:
        """All runs of a study, including deleted ones."""
        above = own_run(self._client, experiment, study_id)
        if above is None:
            return []
        wanted = f"tags.`{STUDY_ID}` = '{study_id}'"
        found = search_runs(self._client, str(above.info.experiment_id), wanted, deleted=True)
        return [tracked_run(run) for run in found]

    def of_all(self) -> Iterator[TrackedRun]:
        """All runs of Studyhall's, including those of deleted experiments."""
        for experiment_id in experiment_names(self._client):
            wanted = "tags.`studyhall.study_id` LIKE '%'"
            found = search_runs(self._client, experiment_id, wanted, deleted=True)
            yield from map(tracked_run, found)

    def deleted_experiments(self) -> list[str]:
        """The names of the experiments that were deleted in MLflow."""
        from mlflow.entities import ViewType

        with explained("the experiments"):
            found = self._client.search_experiments(view_type=ViewType.DELETED_ONLY)
        return [str(experiment.name) for experiment in found]

    def registered(self) -> set[str]:
        """The ids of the runs whose models are registered."""
        runs, token = set[str](), None
        with explained("the registry"):
            while True:
                page = self._client.search_model_versions(max_results=_PAGE, page_token=token)
                runs |= {str(version.run_id) for version in page if version.run_id}
                if not (token := page.token):
                    return runs

    def size(self, run_id: str, folder: str | None = None) -> int:
        """The bytes of a run's files, or of those in one of its folders."""
        with explained(f"run {run_id}"):
            found = self._client.list_artifacts(run_id, folder)
        return sum(
            self.size(run_id, one.path) if one.is_dir else int(one.file_size or 0) for one in found
        )

    def weights_size(self, run_id: str) -> int:
        """The bytes of a run's weights; 0 if it has none."""
        return self.size(run_id, os.path.dirname(WEIGHTS_FILE))

    def remove_weights(self, run_id: str) -> None:
        """Delete the weights of a run; the run is tagged first, in case that is interrupted."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        now = datetime.now(UTC).isoformat(timespec="seconds")
        with explained(f"run {run_id}"):
            self._client.set_tag(run_id, WEIGHTS_REMOVED, now)
            files = get_artifact_repository(
                self._client.get_run(run_id).info.artifact_uri, tracking_uri=self._uri
            )
            files.delete_artifacts(WEIGHTS_FILE)  # type: ignore[no-untyped-call]

    def manual_command(self, run_ids: Sequence[str]) -> str | None:
        """The command that purges runs on the server's own host; None if there is no server."""
        if not is_server(self._uri):
            return None
        address = ui_address(self._uri)  # MLflow's client finds the user in its own variables
        command = ["mlflow", "gc", "--tracking-uri", address, "--run-ids", ",".join(run_ids)]
        return f"{shlex.join(command)} --backend-store-uri … --artifacts-destination …"

    def remove(self, run_ids: Sequence[str]) -> None:
        """Purge deleted runs with their files, if MLflow's database is on this machine.

        Raises:
            StudyhallError: MLflow failed.
        """
        done = subprocess.run(
            [sys.executable, "-P", "-m", "mlflow", "gc", "--run-ids", ",".join(run_ids)],
            env={**os.environ, **dict.fromkeys(_URIS, self._uri)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
            raise StudyhallError(f"`mlflow gc` failed: {last}; runs it had deleted before are gone")
