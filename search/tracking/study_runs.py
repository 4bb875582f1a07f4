"""The experiment and the own run of a study in MLflow, and searches among a study's runs.

Runs are named by explicit ids: MLflow's fluent "active run" is state of a process and a thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.owner import person
from studyhall.search.tracking.address import database_file
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.tracking.moved_database import TAG, files_address, hold
from studyhall.search.training.record import Point

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric
    from mlflow.entities import Run as Run
    from mlflow.tracking import MlflowClient as MlflowClient

NONE_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
STUDY_ID = "studyhall.study_id"  # a tag of every run, and of the registered model
LAUNCHED_BY = "studyhall.launched_by"  # of a study's own run: the user and machine
FINGERPRINT = "studyhall.data_fingerprint"  # a tag of every run
TEST_FINGERPRINT = "studyhall.test_fingerprint"  # of a study's own run, and of evaluations
REPORT = "report/report.html"  # a file of a study's own run, which then has the tag
REPORT_TAG = "studyhall.report"
WEIGHTS_SHA256 = "studyhall.weights_sha256"  # a tag of a trial's run, unless it failed
WEIGHTS_REMOVED = "studyhall.weights_removed"  # a tag: when `studyhall gc` deleted them
FINALISTS = "finalists"  # the name of the finalists' run


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
    """The own run of a study: all that a worker needs to record trials."""

    uri: str
    study_id: str
    experiment_id: str
    run_id: str
    data: TrackedData


def start_study(
    client: MlflowClient,
    name: str,
    study_id: str,
    data: TrackedData,
    tags: Mapping[str, str],
    search_id: str | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> StudyRun:
    """Open the experiment and the own run of a study, those of an earlier launch if they exist.

    They are found by the study's id: users can rename an experiment. What was deleted in MLflow is
    restored.

    Args:
        client: An open client.
        name: The name of a new experiment.
        study_id: Identifies the study's runs; a study that starts over gets another.
        data: The dataset input.
        tags: Further tags of the study's run.
        search_id: For finalists, the study_id of their search, whose run is the parent of theirs.
        notify: Is told if the experiment had been deleted and was restored.
    """
    from mlflow.entities import RunTag

    if database := database_file(client.tracking_uri):
        hold(client, database, create=True)
    with explained(f"experiment {name}"):
        known = own_run(client, name, study_id) or own_run(client, name, search_id or study_id)
        experiment_id = _open_experiment(client, name, known, notify)
        run_id = find_study_run(client, experiment_id, study_id)
        if run_id is None:
            identity = {"studyhall.kind": "study", STUDY_ID: study_id, LAUNCHED_BY: person()}
            run_name = FINALISTS if search_id else name
            if search_id and (above := find_study_run(client, experiment_id, search_id)):
                identity["mlflow.parentRunId"] = above
            run = client.create_run(experiment_id, run_name=run_name, tags=identity)
            run_id = str(run.info.run_id)
        client.log_inputs(run_id, datasets=[dataset_input(data)])  # kept once
        client.update_run(run_id, status="RUNNING")
        client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    return StudyRun(client.tracking_uri, study_id, experiment_id, run_id, data)


def _open_experiment(
    client: MlflowClient, name: str, known: Run | None, notify: Callable[[str], None]
) -> str:
    """The id of a study's experiment; without a server, its files are beside the database."""
    experiment = (
        client.get_experiment(known.info.experiment_id)
        if known
        else client.get_experiment_by_name(name)
    )
    database = database_file(client.tracking_uri)
    tags = {TAG: str(database)} if database else {}
    if experiment is None:
        files = files_address(database, name) if database else None
        return str(client.create_experiment(name, files, tags))
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
        notify(f"restored experiment {experiment.name}, which had been deleted in MLflow")
    for tag, value in tags.items():
        if experiment.tags.get(tag) != value:
            client.set_experiment_tag(experiment.experiment_id, tag, value)
    return str(experiment.experiment_id)


def deleted_experiment(client: MlflowClient, experiment_id: str) -> str | None:
    """Say that an experiment was deleted in MLflow, and what restores it; None if it was not."""
    with explained(f"experiment {experiment_id}"):
        experiment = client.get_experiment(experiment_id)
    if experiment.lifecycle_stage != "deleted":
        return None
    return (
        f"the study's experiment, {experiment.name}, was deleted in MLflow; `mlflow experiments "
        f"restore --experiment-id {experiment_id}` restores it with its runs, and so does the next "
        "launch"
    )


def find_study(
    client: MlflowClient, name: str, study_id: str, data: TrackedData
) -> tuple[StudyRun, bool] | None:
    """The own run of a study, if it has one, and whether it was deleted in MLflow."""
    if (run := own_run(client, name, study_id)) is None:
        return None
    experiment_id = str(run.info.experiment_id)
    found = StudyRun(client.tracking_uri, study_id, experiment_id, str(run.info.run_id), data)
    return found, run.info.lifecycle_stage == "deleted"


def find_study_run(client: MlflowClient, experiment_id: str, study_id: str) -> str | None:
    """The id of a study's own run, which is restored if it was deleted; None if there is none."""
    if (run := _own_run(client, [experiment_id], study_id)) is None:
        return None
    run_id = str(run.info.run_id)
    if run.info.lifecycle_stage == "deleted":
        client.restore_run(run_id)
    return run_id


def own_run(client: MlflowClient, name: str, study_id: str) -> Run | None:
    """The own run of a study, deleted or not, in whatever experiment it is; None if there is none.

    Args:
        client: An open client.
        name: The name that its experiment was created under, which is looked at first.
        study_id: The study's id.
    """
    names = experiment_names(client)
    named = [one for one, known in names.items() if known == name]
    others = [one for one in names if one not in named]
    return _own_run(client, named, study_id) or _own_run(client, others, study_id)


def _own_run(client: MlflowClient, experiments: Sequence[str], study_id: str) -> Run | None:
    wanted = f"tags.`studyhall.kind` = 'study' and tags.`{STUDY_ID}` = '{study_id}'"
    found = search_runs(client, experiments, wanted, deleted=True) if experiments else []
    return next(iter(found), None)


def search_runs(
    client: MlflowClient, experiments: str | Sequence[str], wanted: str, deleted: bool = False
) -> list[Run]:
    """All runs of experiments, given their ids, that match a filter, deleted ones if wanted."""
    from mlflow.entities import ViewType

    ids = [experiments] if isinstance(experiments, str) else list(experiments)
    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    found: list[Run] = []
    token: str | None = None
    with explained("the study's runs"):
        while True:
            page = client.search_runs(ids, wanted, view, page_token=token)
            found += page
            if not (token := page.token):
                return found


def experiment_names(client: MlflowClient) -> dict[str, str]:
    """The names of all experiments by their ids, including deleted ones."""
    from mlflow.entities import ViewType

    names, token = dict[str, str](), None
    with explained("the experiments"):
        while True:
            page = client.search_experiments(view_type=ViewType.ALL, page_token=token)
            names |= {str(one.experiment_id): str(one.name) for one in page}
            if not (token := page.token):
                return names


def complete_trials(client: MlflowClient, experiment: str, study_id: str) -> list[Run]:
    """The runs of a study's complete trials, in the order of their numbers."""
    above = own_run(client, experiment, study_id)
    kind = "tags.`studyhall.kind` = 'trial' and tags.`studyhall.state` = 'complete'"
    wanted = f"tags.`{STUDY_ID}` = '{study_id}' and {kind}"
    runs = search_runs(client, str(above.info.experiment_id), wanted) if above else []
    numbered = [run for run in runs if run.data.tags.get("studyhall.trial", "").isdecimal()]
    return sorted(numbered, key=lambda run: int(run.data.tags["studyhall.trial"]))


def metrics_of(points: Sequence[Point]) -> list[Metric]:
    """Convert points to MLflow's metrics."""
    from mlflow.entities import Metric

    return [Metric(p.key, p.value, p.timestamp, p.step) for p in points]


def dataset_input(data: TrackedData) -> DatasetInput:
    """Convert a data set to MLflow's dataset input."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {"train": data.train, "validation": data.validation, "sha256": data.fingerprint}
    # An address without a scheme is the user's own file or folder.
    kind, key = ("http", "url") if ":" in data.source_url else ("local", "uri")
    source = json.dumps({key: data.source_url})
    # MLflow keeps 36 characters of a digest; the profile and a tag have the whole fingerprint.
    dataset = Dataset(data.name, data.fingerprint[:36], kind, source, profile=json.dumps(profile))
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def find_run(client: MlflowClient, run_id: str) -> Run | None:
    """The run of an id; None if the store has none.

    Raises:
        StudyhallError: the store does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in NONE_THERE:
            return None
        raise StudyhallError(f"run {run_id}: MLflow does not answer: {error}") from error
