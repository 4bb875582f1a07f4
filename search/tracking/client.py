"""MLflow's client: opened, its local database created whole, and the right to record checked.

MLflow is imported when a client is opened, not before: it takes a second or two.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from studyhall.search.common.addresses import redact
from studyhall.search.common.atomic_files import sweep, temporary_name
from studyhall.search.common.errors import UsageError
from studyhall.search.common.proxies import reach_this_machine_directly, through_proxy
from studyhall.search.tracking import mlflow_errors
from studyhall.search.tracking.address import (
    beside,
    database_file,
    missing_database,
    require_usable,
    require_version,
    tracking_address,
)
from studyhall.search.tracking.mlflow_server import is_server
from studyhall.search.tracking.moved_database import follow, hold

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient as MlflowClient

# MLflow's own defaults block for minutes when a server is unreachable, and write to the terminal
# that the progress is drawn on. Variables that the user has set are kept.
_SETTINGS = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # A server loads the store's driver with the first file, which takes a busy machine seconds.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Files come by way of the server: hosts need not reach the store.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
}
# MLflow's client would repeat a request that got no answer, even the creation of a run, which would
# leave two runs. The uploader repeats with care, so MLflow's client must not.
_RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


def prepare_client() -> None:
    """Set MLflow's client to answer soon and print nothing; call this before it is imported."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ.update(_RETRIES)
    reach_this_machine_directly()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # It prints the traceback of a locked or unreachable database, which our errors report.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def open_client(uri: str | None = None) -> MlflowClient:
    """Open MLflow's client, by default on the database `mlflow.db` of the working folder.

    If the database was moved or copied, its runs are first made to name their files beside it.

    Raises:
        UsageError: nothing answers at the address, or it is no address.
    """
    prepare_client()
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
    from sqlalchemy.exc import SQLAlchemyError

    _artifact_repos_cache.clear()  # by run: a copy of a database has the same runs elsewhere
    address = tracking_address(uri)
    require_usable(address)
    if database := database_file(address):
        follow(database)
    try:
        _create_database(address)
        client = MlflowClient(tracking_uri=address)
        client.search_experiments(max_results=1)
        if database:
            hold(client, database)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        place = redact(address)
        if denied := mlflow_errors.denial(error):
            raise UsageError(
                f"--tracking-uri: {place} does not let you in: {denied}{through_proxy(address)}"
            ) from error
        require_version(address)
        raise UsageError(
            f"--tracking-uri: no MLflow tracking store answers at {place}; "
            "start it, or correct the option or MLFLOW_TRACKING_URI "
            f"({mlflow_errors.root_cause(error)}{through_proxy(address)})"
        ) from error
    return client


def _create_database(address: str) -> None:
    """Create MLflow's SQLite database if that is what `address` names and there is none yet.

    MLflow creates a database in many steps, and cannot use one whose creation was interrupted. So
    it is created under a hidden name, and given its own name when it is whole.
    """
    from mlflow.tracking import MlflowClient

    if (path := missing_database(address)) is None:
        return
    sweep(path.parent, path.name)
    hidden = temporary_name(path)
    try:
        MlflowClient(tracking_uri=beside(address, hidden.name)).search_experiments(max_results=1)
        with suppress(FileExistsError):  # another command was faster
            os.link(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


def require_writer(client: MlflowClient, name: str) -> None:
    """Refuse, before any work, a user who may not record a study; nothing is changed.

    Raises:
        UsageError: the user may not write to the study's experiment, or may create none.
        StudyhallError: the server does not answer.
    """
    if not is_server(client.tracking_uri):
        return
    try:
        with mlflow_errors.explained(f"experiment {name}"):
            experiment = client.get_experiment_by_name(name)
            # Both requests need the right to write, and neither changes anything.
            if experiment is None:
                client.create_experiment("")  # refused: an experiment needs a name
            elif experiment.lifecycle_stage == "active":
                client.rename_experiment(experiment.experiment_id, name)
    except mlflow_errors.MlflowRefusedError:
        return  # the server checks rights first: a user without them is told nothing else
    except mlflow_errors.MlflowDeniedError as error:
        raise UsageError(
            f"{name}: must be a study that you may record at {redact(client.tracking_uri)}: "
            f"{error.reason}"
        ) from error
