"""Whether a host of a cluster reaches the services that a study is recorded with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from studyhall.search.common.addresses import (
    address_of_host,
    redact_text,
    resolved,
    without_password,
)
from studyhall.search.common.errors import StudyhallError
from studyhall.search.study.database_check import check_database
from studyhall.search.tracking.mlflow_check import check_server
from studyhall.search.tracking.mlflow_server import is_server


@dataclass(frozen=True)
class Services:
    """Where a launch records its study, without passwords; a host may have other addresses."""

    storage: str
    tracking_uri: str


def services_of(address: Path | str, uri: str) -> Services | None:
    """The services with these addresses; None if they are of one machine alone.

    Args:
        address: Of the storage.
        uri: Of MLflow; a password in either stays here.
    """
    if isinstance(address, Path) or not is_server(uri):
        return None
    return Services(without_password(address), without_password(uri))


@dataclass(frozen=True)
class Reached:
    """What is wrong with each service as a host sees it; None if nothing is."""

    database: str | None
    mlflow: str | None


def look_at_services(given: Services) -> Reached:
    """See whether this host can record trials with its own addresses, or those of the launch."""
    try:
        address = resolved(address_of_host() or given.storage)
        if isinstance(address, Path):
            database = f"STUDYHALL_STORAGE must name a PostgreSQL database, got {address}"
        else:
            database = "; ".join(check_database(address).problems)
    except StudyhallError as error:
        database = str(error)
    mlflow = check_server(os.environ.get("MLFLOW_TRACKING_URI") or given.tracking_uri)
    told = "; ".join(mlflow.problems)
    return Reached(redact_text(database) or None, redact_text(told) or None)
