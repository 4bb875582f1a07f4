"""The champion of a study in MLflow's registry: registered, found and loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from studyhall.model import Classifier
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.identity import Identity
from studyhall.search.config.settings import TrialSettings
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.tracking.mlflow_model import MODEL_FOLDER
from studyhall.search.tracking.ownership import (
    ALIAS,
    champion_model,
    claim_model,
    own_model,
    search_of,
)
from studyhall.search.tracking.run_files import load_trained
from studyhall.search.tracking.run_tags import RunTags
from studyhall.search.tracking.study_runs import FINGERPRINT

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


class Registered(NamedTuple):
    """A version of a registered model."""

    model: str
    version: str


@dataclass(frozen=True)
class Champion:
    """A registered model, loaded, with the facts of its training.

    `validation_accuracy` is that of the kept weights, whatever the study selects by; None if it was
    not recorded. `path_is_own` says whether the path of the user's data comes from this machine's
    own journal, and not from a store that others write to.
    """

    name: str
    version: str
    run: Run
    selected_by: str
    settings: TrialSettings
    classifier: Classifier
    validation_accuracy: float | None
    path_is_own: bool = False

    @property
    def data_fingerprint(self) -> str:
        """The fingerprint of the data that it was trained and selected on."""
        return RunTags(self.run.info.run_id, self.run.data.tags).required(FINGERPRINT)


def register_champion(
    client: MlflowClient, identity: Identity, run_id: str, value: float, selected_by: str
) -> Registered:
    """Register a trial's model as the champion of a study.

    A run that is already registered keeps its version. The trial's value, and how it was selected,
    become tags of the version.

    Raises:
        UsageError: another study or another program has the registered model of the study's name.
    """
    name = claim_model(client, identity)
    with explained(f"model {name}"):
        known = [v for v in client.search_model_versions(f"name='{name}'") if v.run_id == run_id]
        source = _source(client, run_id)
        version = known[0] if known else client.create_model_version(name, source, run_id)
        tags = {"validation_value": f"{value:.6f}", "selected_by": selected_by}
        for key, tag in tags.items():
            client.set_model_version_tag(name, version.version, key, tag)
        client.set_registered_model_alias(name, ALIAS, version.version)
    return Registered(name, str(version.version))


def _source(client: MlflowClient, run_id: str) -> str:
    """The source of a registered version.

    A server that proxies files does not find them by the run: its UI would show an error. For files
    in a folder the run is the better source, since it still finds them when the folder has moved.
    """
    stored = str(client.get_run(run_id).info.artifact_uri)
    root = stored if stored.startswith("mlflow-artifacts:") else f"runs:/{run_id}"
    return f"{root}/{MODEL_FOLDER}"


def registered_champion(client: MlflowClient, identity: Identity) -> Registered | None:
    """A study's champion in the registry; None if it has none."""
    model = own_model(client, identity)
    version = model.aliases.get(ALIAS) if model else None
    return Registered(str(model.name), str(version)) if model and version else None


def load_champion(client: MlflowClient, identity: Identity) -> Champion:
    """Load the champion of a study from the registry.

    A study that this machine's storage does not have is that of the registered model of its name.

    Raises:
        UsageError: no champion is registered, or it is not this study's.
        StudyhallError: the registry names one whose files are gone, changed or damaged.
    """
    from mlflow.exceptions import MlflowException

    name = identity.name
    with explained(f"model {name}"):
        model, owner = champion_model(client, identity)
        version = client.get_model_version_by_alias(model.name, ALIAS)
    try:
        run = client.get_run(version.run_id or "")
        found = search_of(client, run, identity)
        if found is None or found.study_id != owner.study_id:
            raise UsageError(
                f"{name}: version {version.version}, the champion of registered model "
                f"{model.name}, is of {found or 'another program'}; launch the study again to "
                "register its own"
            )
        settings, classifier = load_trained(client, run)
        accuracy = _validation_accuracy(client, run, settings)
    except UsageError:
        raise
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
