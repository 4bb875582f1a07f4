"""Whether a service does what its users need of it: exit 0 if it does, 1 and a sentence if not.

Run in the service's own container, as the health check of docker-compose.yml: `health.py mlflow`;
elsewhere with an address behind it. Standard library alone, so that a check costs a few hundredths
of a second.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

_SECONDS = 10


def mlflow(address: str = "http://127.0.0.1:5000") -> None:
    """The API reads the database, and the proxy lists the bucket.

    `/health` would say that all is well without either.
    """
    _json(f"{address}/api/2.0/mlflow/experiments/search", {"max_results": 1})
    _json(f"{address}/api/2.0/mlflow-artifacts/artifacts?path=0")


def scheduler(address: str = "http://127.0.0.1:8787") -> None:
    """The scheduler says who it is."""
    _json(f"{address}/json/identity.json")


def worker(address: str = "http://scheduler:8787") -> None:
    """The scheduler counts this worker among its own."""
    workers = _json(f"{address}/json/identity.json")["workers"].values()
    own = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None)}
    if not any(found["host"] in own for found in workers):
        sys.exit(f"the scheduler has {len(workers)} workers, none of them at {sorted(own)}")


def optuna_dashboard(address: str = "http://127.0.0.1:8080") -> None:
    """The dashboard lists the studies of the database."""
    _json(f"{address}/api/studies")


def _json(address: str, body: dict[str, Any] | None = None) -> Any:
    """What an address answers; with a body, to a POST.

    Raises:
        OSError: there is no answer, or it is an error.
    """
    request = Request(address, json.dumps(body).encode() if body else None)  # noqa: S310
    request.add_header("Content-Type", "application/json")
    if password := os.environ.get("MLFLOW_AUTH_ADMIN_PASSWORD"):
        token = base64.b64encode(f"admin:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
        return json.load(answer)


CHECKS: dict[str, Callable[..., None]] = {
    "mlflow": mlflow,
    "optuna-dashboard": optuna_dashboard,
    "scheduler": scheduler,
    "worker": worker,
}

if __name__ == "__main__":
    try:
        CHECKS[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
