"""MLflow's own UI over the runs recorded here."""

from __future__ import annotations

import os
import socket
import sys
from typing import NoReturn
from urllib.parse import urlsplit

from studyhall.search.common.errors import UsageError
from studyhall.search.tracking.pages import ui_address

HOST = "127.0.0.1"
# MLflow's job runner doubles the server's start and memory, and the UI does not need it.
_ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
# MLflow's own list takes each name that begins like a private address: 10.example.com, which its
# owner may have point to this machine. Any port, as a tunnel gives it another.
_HOSTS = {"MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST},{HOST}:*,localhost,localhost:*"}


def serve(port: int, tracking_uri: str | None) -> NoReturn:
    """Become the server of the UI, on the loopback address alone; Ctrl-C ends it.

    Raises:
        UsageError: the port is taken or no port, or a server serves the runs already.
    """
    if tracking_uri and urlsplit(tracking_uri).scheme in ("http", "https"):
        address = ui_address(tracking_uri)
        raise UsageError(f"--tracking-uri: a server is there already; open {address}")
    if not 1 <= port <= 65535:
        raise UsageError(f"--port: must be from 1 to 65535, got {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UsageError(f"--port: {port} is taken; name another, such as {port + 1}") from None
    # As variables: a database's address may hold a password, and arguments are seen by everyone.
    store = {"MLFLOW_BACKEND_STORE_URI": tracking_uri} if tracking_uri else {}
    address = f"http://{HOST}:{port}"
    print(f"MLflow's UI comes up at {address} in a few seconds; Ctrl-C ends it", flush=True)
    command = ["-m", "mlflow", "ui", "--host", HOST, "--port", str(port), "--workers", "1"]
    # In place of this process, so that a signal to it reaches the server.
    environment = {**_HOSTS, **os.environ, **_ENVIRONMENT, **store}
    os.execve(sys.executable, [sys.executable, *command], environment)  # noqa: S606
