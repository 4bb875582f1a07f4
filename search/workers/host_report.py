"""What a worker of a cluster reports of its host before it is given trials."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from studyhall.search.common.addresses import (
    address_of_host,
    redact_text,
    resolved,
    without_password,
)
from studyhall.search.common.environment import code_version, environment
from studyhall.search.common.errors import StudyhallError
from studyhall.search.study.database_check import check_database
from studyhall.search.tracking.mlflow_check import check_server
from studyhall.search.tracking.mlflow_server import is_server


@dataclass(frozen=True)
class HostReport:
    """A host's name, its code, its BLAS, and its clock in seconds since 1970."""

    host: str
    code: dict[str, str]
    blas: str
    clock: float


def report() -> HostReport:
    """Report of this host."""
    return HostReport(platform.node(), code_version(), environment()["machine.blas"], time.time())


@dataclass(frozen=True)
class Services:
    """Where a launch records its study, without passwords; a host may have other addresses."""

    storage: str
    tracking_uri: str


def services_of(address: Path | str, uri: str) -> Services | None:
    """The services at these addresses; None if other machines cannot reach them at all.

    Args:
        address: The storage's.
        uri: MLflow's; a password in either is left out.
    """
    if isinstance(address, Path) or not is_server(uri):
        return None
    return Services(without_password(address), without_password(uri))


@dataclass(frozen=True)
class ServiceProblems:
    """What is wrong with each service, seen from a host; None if nothing is."""

    database: str | None
    mlflow: str | None


def check_services(services: Services) -> ServiceProblems:
    """Check whether this host can record trials with its own addresses, or with the launch's."""
    try:
        address = resolved(address_of_host() or services.storage)
        if isinstance(address, Path):
            database = f"STUDYHALL_STORAGE must name a PostgreSQL database, got {address}"
        else:
            database = "; ".join(check_database(address).problems)
    except StudyhallError as error:
        database = str(error)
    mlflow = check_server(os.environ.get("MLFLOW_TRACKING_URI") or services.tracking_uri)
    mlflow_problems = "; ".join(mlflow.problems)
    return ServiceProblems(redact_text(database) or None, redact_text(mlflow_problems) or None)
