"""MLflow's UI: the server that shows it, a study's pages, and addresses that a user copies."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from studyhall.search.common.addresses import redact, without_password
from studyhall.search.common.errors import UsageError
from studyhall.search.common.module_path import leave_out_working_folder
from studyhall.search.common.pages import Pages
from studyhall.search.tracking.address import DATABASE, database_file, tracking_address
from studyhall.search.tracking.client import open_client

if TYPE_CHECKING:
    from studyhall.search.config.study_spec import StudySection

HOST = "127.0.0.1"
# MLflow's job runner doubles the server's start and memory, and the UI does not need it.
_ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
# MLflow's own list allows names that only begin like a private address, such as 10.example.com,
# which its owner may point to this machine. Any port is allowed: a tunnel changes it.
_HOSTS = {"MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST},{HOST}:*,localhost,localhost:*"}


def serve(port: int, tracking_uri: str | None) -> NoReturn:
    """Replace this process by the UI's server, on the loopback address only; Ctrl-C ends it.

    Raises:
        UsageError: the port is invalid or in use, or the address is already that of a server, or
            it cannot be used.
    """
    store = tracking_address(tracking_uri)
    if urlsplit(store).scheme in ("http", "https"):
        raise UsageError(f"--tracking-uri: a server is there already; open {ui_address(store)}")
    if not 1 <= port <= 65535:
        raise UsageError(f"--port: must be from 1 to 65535, got {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UsageError(f"--port: {port} is taken; name another, such as {port + 1}") from None
    open_client(store)
    address = f"http://{HOST}:{port}"
    print(f"MLflow's UI comes up at {address} in a few seconds; Ctrl-C ends it", flush=True)
    command = ["-m", "mlflow", "ui", "--host", HOST, "--port", str(port), "--workers", "1"]
    # Uvicorn looks for modules in this folder first, by default the working one.
    modules = {"UVICORN_APP_DIR": str(Path(sys.executable).parent)}
    leave_out_working_folder()
    # The server replaces this process, so that a signal to it reaches the server.
    # A database's address may hold a password, and all users can see a process's arguments.
    own = {**_ENVIRONMENT, **modules, "MLFLOW_BACKEND_STORE_URI": store}
    environment = {**_HOSTS, **os.environ, **own}
    os.execve(sys.executable, [sys.executable, *command], environment)  # noqa: S606


LOCAL = "http://127.0.0.1:5000"  # where `studyhall ui` serves a folder's own runs
_TRAINING = "workflowType=machine_learning"  # without it the UI shows traces of agents
VIEW = "studyhall"  # the shared view of an experiment, see `studyhall.search.tracking.study_view`


def ui_address(uri: str) -> str:
    """A server's address without the name and password of a user."""
    parts = urlsplit(uri.rstrip("/"))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def run_route(experiment_id: str, run_id: str) -> str:
    """The address of a run within the UI."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def pages_of(
    uri: str,
    experiment_id: str,
    run_id: str,
    study: StudySection,
    champion: tuple[str, str] | None,
) -> Pages:
    """The addresses of a study and its champion in MLflow's UI.

    The champion is the name of its registered model and its version; None if there is none.
    """
    served = urlsplit(uri).scheme in ("http", "https")
    base = ui_address(uri) if served else LOCAL
    runs = f"{base}/#/experiments/{experiment_id}/runs"
    model = f"{quote(champion[0])}/versions/{champion[1]}" if champion else None
    return Pages(
        runs=f"{runs}?{_TRAINING}&viewStateShareKey={VIEW}",
        charts=f"{runs}?{_TRAINING}&{_trials(study)}",
        study=f"{base}/{run_route(experiment_id, run_id)}?{_TRAINING}",
        champion=f"{base}/#/models/{model}" if model else None,
        served=served,
        command=None if served else _command(uri),
    )


def _command(uri: str) -> str:
    """The command that serves a database's runs, without the password in its address."""
    if database_file(uri) == Path.cwd() / DATABASE:
        return "studyhall ui"
    return f"studyhall ui --tracking-uri {shlex.quote(without_password(uri))}"


def _trials(study: StudySection) -> str:
    """The query that makes the UI show a study's trials, the best first."""
    wanted = {
        "searchFilter": "tags.`studyhall.kind` = 'trial'",
        "orderByKey": "metrics.`value`",
        "orderByAsc": "true" if study.direction == "minimize" else "false",
        "compareRunsMode": "CHART",
    }
    return urlencode(wanted, quote_via=quote)


_ID = r"([A-Za-z0-9][A-Za-z0-9_-]{0,255})"
_NAMED = re.compile(rf"(?:runs:/{_ID}(?:/.*)?|{_ID})")
_IN_UI = re.compile(rf"/experiments/[^/]+/runs/{_ID}(?:[/?].*)?")


@dataclass(frozen=True)
class RunAddress:
    """A run, and the server whose UI showed it, if the address names one."""

    run_id: str
    server: str | None = None

    def stores(self, tracking_uri: str | None) -> list[str | None]:
        """The addresses of MLflow to search for the run, in order; None is MLflow's default.

        Ids of runs are unique, so that a run of that id in the working folder is the right one,
        even if the UI that showed it has been closed since.
        """
        if tracking_uri or not self.server:
            return [tracking_uri]
        return [None, self.server]


def parse_run(text: str) -> RunAddress:
    """Parse the name of a run that a user typed or copied.

    Args:
        text: `ID`, `runs:/ID`, `runs:/ID/model`, or an address of the UI such as
            `http://127.0.0.1:5000/#/experiments/1/runs/ID/artifacts`.

    Raises:
        UsageError: it is none of these.
    """
    if named := _NAMED.fullmatch(text):
        return RunAddress(named[1] or named[2])
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets of an IPv6 address that do not close
        parts = urlsplit("")
    in_ui = _IN_UI.search(parts.fragment)
    if parts.scheme in ("http", "https") and in_ui:
        if "@" in parts.netloc:
            raise UsageError(
                "RUN: must hold no name or password, which every user of this machine could read, "
                f"got '{redact(text)}'; put them into MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD"
            )
        return RunAddress(in_ui[1], f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/"))
    raise UsageError(
        f"RUN: must be the id of a run, runs:/ID, or the address of one run in MLflow's UI, "
        f"got '{text}'"
    )
