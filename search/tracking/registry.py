"""The champion of a study in MLflow's registry: registered, found and loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studyhall.model import Classifier
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.config.settings import TrialSettings
from studyhall.search.tracking.address import missing_database
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.mlflow_errors import explained, root_cause
from studyhall.search.tracking.mlflow_model import MODEL_FOLDER
from studyhall.search.tracking.run_files import load_trained
from studyhall.search.tracking.study_runs import find_experiment, search_runs

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

ALIAS = "champion"
_NONE_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Champion:
    """A registered model, loaded, with the facts of its training.

    `validation_accuracy` is that of the kept weights, whatever the study selects by; None if it was
    not recorded.
    """

    name: str
    version: str
    run: Run
    selected_by: str
    settings: TrialSettings
    classifier: Classifier
    validation_accuracy: float | None

    @property
    def data_fingerprint(self) -> str:
        """The fingerprint of the data that it was trained and selected on."""
        return str(self.run.data.tags["studyhall.data_fingerprint"])


def register_champion(
    client: MlflowClient, name: str, run_id: str, value: float, selected_by: str
) -> str:
    """Register a trial's model as the champion of a study; return the version.

    A run that is already registered keeps its version. The trial's value, and how it was selected,
    become tags of the version.
    """
    from mlflow.exceptions import MlflowException

    with explained(f"model {name}"):
        try:
            client.create_registered_model(name, description=f"The best network of study {name}.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        known = [v for v in client.search_model_versions(f"name='{name}'") if v.run_id == run_id]
        source = _source(client, run_id)
        version = known[0] if known else client.create_model_version(name, source, run_id)
        tags = {"validation_value": f"{value:.6f}", "selected_by": selected_by}
        for key, tag in tags.items():
            client.set_model_version_tag(name, version.version, key, tag)
        client.set_registered_model_alias(name, ALIAS, version.version)
    return str(version.version)


def _source(client: MlflowClient, run_id: str) -> str:
    """The source of a registered version.

    A server that proxies files does not find them by the run: its UI would show an error. For files
    in a folder the run is the better source, since it still finds them when the folder has moved.
    """
    stored = str(client.get_run(run_id).info.artifact_uri)
    root = stored if stored.startswith("mlflow-artifacts:") else f"runs:/{run_id}"
    return f"{root}/{MODEL_FOLDER}"


def registered_version(client: MlflowClient, name: str) -> str | None:
    """The version of a study's champion; None if none is registered."""
    from mlflow.exceptions import MlflowException

    with explained(f"model {name}"):
        try:
            return str(client.get_model_version_by_alias(name, ALIAS).version)
        except MlflowException as error:
            if error.error_code in _NONE_THERE:
                return None
            raise


def champion(name: str, tracking_uri: str | None = None) -> Champion:
    """Load the champion of a study from the registry; by default from where `mlflow ui` looks.

    Raises:
        UsageError: no champion is registered.
        StudyhallError: the registry names one whose files are gone or damaged.
    """
    none = UsageError(
        f"{name}: no champion is registered here; launch the study until a trial has completed"
    )
    if missing_database(tracking_uri):
        raise none  # opening the client would create an empty database
    client = open_client(tracking_uri)
    from mlflow.exceptions import MlflowException

    try:
        version = client.get_model_version_by_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code not in _NONE_THERE:
            reason = root_cause(error)
            raise StudyhallError(f"{name}: the registry does not answer: {reason}") from error
        raise (_diverged(client, name) or none) from None
    try:
        run = client.get_run(version.run_id or "")
        settings, classifier = load_trained(client, run)
        accuracy = _validation_accuracy(client, run, settings)
    except (MlflowException, StudyhallError) as error:
        raise StudyhallError(f"{name}: version {version.version}: {error}") from error
    return Champion(
        name=name,
        version=str(version.version),
        run=run,
        selected_by=str(version.tags.get("selected_by", "search")),
        settings=settings,
        classifier=classifier,
        validation_accuracy=accuracy,
    )


def _diverged(client: MlflowClient, name: str) -> UsageError | None:
    """The error of a study that has ended without a completed trial; None of any other."""
    experiment_id = find_experiment(client, name)
    if experiment_id is None:
        return None
    runs = search_runs(client, experiment_id, "attributes.status != 'RUNNING'")
    ended = {run.data.tags.get("studyhall.kind") for run in runs if run.info.status == "FINISHED"}
    if "study" not in ended or "trial" in ended:
        return None
    return UsageError(
        f"{name}: none of its trials completed, so there is no champion; `studyhall ui` shows the "
        "reasons; change the study file, such as its learning rates, and launch it with --fresh"
    )


def _validation_accuracy(client: MlflowClient, run: Run, settings: TrialSettings) -> float | None:
    """The validation accuracy of a run's weights: after the last epoch, or after the kept one."""
    metric, found = run.data.tags.get("studyhall.metric"), run.data.metrics
    if metric == "validation_accuracy":
        return found.get("value")
    if metric != "validation_loss" or "validation_accuracy" not in found:
        return None
    if settings.training.keep == "last":
        return found["validation_accuracy"]
    losses = client.get_metric_history(run.info.run_id, "validation_loss")
    kept = min(losses, key=lambda point: (point.value, point.step), default=None)
    accuracies = client.get_metric_history(run.info.run_id, "validation_accuracy")
    return next((one.value for one in accuracies if kept and one.step == kept.step), None)
