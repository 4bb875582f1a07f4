"""Whether MLflow's server lets this user record a study, found out before any work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import UsageError
from studyhall.search.tracking.mlflow_errors import MlflowDeniedError, MlflowRefusedError, explained

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def require_writer(client: MlflowClient, name: str) -> None:
    """Refuse a user who may read the study's experiment, or make none; nothing is changed.

    Raises:
        UsageError: the user may not record there.
        StudyhallError: the server does not answer.
    """
    if not client.tracking_uri.startswith(("http://", "https://")):
        return
    try:
        with explained(f"experiment {name}"):
            _try(client, name)
    except MlflowRefusedError:
        return  # rights come first: who has none is not told what else is wrong
    except MlflowDeniedError as error:
        raise UsageError(
            f"{name}: must be a study that you may record at {redact(client.tracking_uri)}: "
            f"{error.reason}"
        ) from error


def _try(client: MlflowClient, name: str) -> None:
    """Do what needs the right to write, and changes nothing."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        client.create_experiment("")  # an experiment needs a name
    elif experiment.lifecycle_stage == "active":
        client.rename_experiment(experiment.experiment_id, name)
