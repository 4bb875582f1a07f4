"""Read the ledger of a recorded study: the evaluations on its test split."""

from __future__ import annotations

from pathlib import Path

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import UsageError
from studyhall.search.study.recorded import open_recorded
from studyhall.search.tracking.client import missing_database, open_client
from studyhall.search.tracking.ledger import Ledger, read_ledger
from studyhall.search.tracking.study_runs import TEST_FINGERPRINT, find_experiment, search_runs

_ELSEWHERE = "pass the address that the study was launched with, or set MLFLOW_TRACKING_URI"


def recorded_ledger(
    name: str, storage: Path | str | None = None, tracking_uri: str | None = None
) -> Ledger:
    """Every evaluation on a recorded study's test split, by this study and by others.

    Args:
        name: The study.
        storage: The storage that holds it; by default the journal of the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: this MLflow does not have the study, or it does not answer.
        StudyhallError: MLflow stops answering.
    """
    study = open_recorded(name, storage)
    if path := missing_database(tracking_uri):  # Opening it would create an empty database.
        raise UsageError(f"--tracking-uri: MLflow database {path} does not exist; {_ELSEWHERE}")
    client = open_client(tracking_uri)
    experiment_id = find_experiment(client, study.experiment)
    if experiment_id is None:
        place = redact(client.tracking_uri)
        raise UsageError(
            f"--tracking-uri: {place} has no experiment {study.experiment}; {_ELSEWHERE}"
        )
    wanted = f"tags.`studyhall.kind` = 'study' and tags.`studyhall.study_id` = '{study.study_id}'"
    runs = search_runs(client, experiment_id, wanted, deleted=True)
    test = next((run.data.tags.get(TEST_FINGERPRINT, "") for run in runs), "")
    return read_ledger(client, experiment_id, study.data_fingerprint, test)
