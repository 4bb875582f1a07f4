"""Checks whether runs can be recorded in MLflow: on its server, or in a local database."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.proxies import through_proxy
from studyhall.search.common.service_part import Part, Stopwatch, clock_problems
from studyhall.search.tracking.address import missing_database, tracking_address
from studyhall.search.tracking.client import open_client, prepare_client
from studyhall.search.tracking.mlflow_errors import MlflowDeniedError, root_cause
from studyhall.search.tracking.mlflow_server import ask, error_text, is_server, store_problem

if TYPE_CHECKING:
    from requests import Response

_NAME, _STORE = "MLflow", "artifact store"
_SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


def check_mlflow(uri: str | None) -> list[Part]:
    """Check MLflow, by default where `mlflow ui` looks, and its artifact store; nothing stays."""
    prepare_client()
    address = tracking_address(uri)
    if not is_server(address):
        # Without a server, the folder of the files is beside the database.
        free = shutil.disk_usage(Path.cwd()).free
        facts: dict[str, str | float] = {"kind": "a folder", "free_bytes": free}
        return [_embedded(address), Part(_STORE, str(Path.cwd()), None, facts)]
    server = check_server(address)
    return [server, _store(address, server.healthy)]


def _embedded(address: str) -> Part:
    facts: dict[str, str | float] = {"kind": "a database, without a server", "version": _own()}
    watch, problems = Stopwatch(), tuple[str, ...]()
    if missing_database(address):
        facts["state"] = "not there yet; the first launch creates it"
    else:
        try:
            open_client(address)
        except StudyhallError as error:
            problems = (str(error).removeprefix("--tracking-uri: "),)
    return Part(_NAME, redact(address), watch.milliseconds, facts, problems)


def check_server(address: str) -> Part:
    """Check a server of MLflow's, but not its artifact store."""
    prepare_client()
    from mlflow.exceptions import MlflowException

    facts: dict[str, str | float] = {"kind": "a server"}
    watch = Stopwatch()
    try:
        answer = ask(address, _SEARCH)
        milliseconds = watch.milliseconds
        now = datetime.now(UTC)
        version = ask(address, "/version")
    except MlflowException as error:
        reason = f"{root_cause(error)}{through_proxy(address)}"
        problem = f"no server answers at {redact(address)} ({reason}); start it"
        return Part(_NAME, redact(address), None, facts, (problem,))
    problems = _refusal(address, answer)
    if version.ok:
        facts["version"] = installed = version.text.strip()
        if installed.split(".")[:2] != _own().split(".")[:2]:
            remedy = "install the same version in both places"
            problems += (f"is MLflow {installed}, and here is {_own()}; {remedy}",)
    if date := answer.headers.get("Date"):
        theirs = parsedate_to_datetime(date)
        facts["clock_difference_seconds"], of_clock = clock_problems("MLflow", theirs, now)
        problems += of_clock
    return Part(_NAME, redact(address), milliseconds, facts, problems)


def _refusal(address: str, answer: Response) -> tuple[str, ...]:
    """Why the server refuses the request, and what to do."""
    if answer.ok:
        return ()
    if answer.status_code == 401:
        return (
            "refuses the user or the password (HTTP 401); set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD",
        )
    if answer.status_code == 403 and "Host header" in answer.text:
        host = urlsplit(address).netloc.rpartition("@")[2]
        return (
            f"does not answer to the name {host} (HTTP 403); start the server with "
            f'--allowed-hosts "{host},localhost:*"',
        )
    text = error_text(answer)
    if answer.status_code == 403:
        return (f"does not let this user read (HTTP 403: {text}); ask its administrator",)
    if answer.status_code == 503:
        return (f"has no database (HTTP 503: {text}); see to the server's PostgreSQL",)
    return (f"answers with an error ({text}); the server's log says more",)


def _own() -> str:
    import mlflow

    return str(mlflow.__version__)


def _store(address: str, server_healthy: bool) -> Part:
    from mlflow.exceptions import MlflowException

    facts: dict[str, str | float] = {"kind": "through the server"}
    if not server_healthy:
        unknown = "not looked at: the server must answer first"
        return Part(_STORE, redact(address), None, facts, (unknown,))
    watch = Stopwatch()
    try:
        problem = store_problem(address)
    except MlflowDeniedError as error:
        facts["state"] = f"it takes an administrator: {error.reason}"
        return Part(_STORE, redact(address), None, facts, tried=False)
    except MlflowException as error:
        problem = f"the server stopped answering ({root_cause(error)})"
    problems = (problem,) if problem else ()
    return Part(_STORE, redact(address), None if problem else watch.milliseconds, facts, problems)
