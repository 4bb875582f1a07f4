"""MLflow's server asked directly, with the user, the token and the TLS settings of its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Response

_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


def is_server(uri: str) -> bool:
    """Whether an address is that of a server, not of a database or a folder."""
    return uri.startswith(("http://", "https://"))


def ask(uri: str, path: str, method: str = "GET", **request: Any) -> Response:
    """What the server answers, whatever its status.

    Args:
        uri: The server's address.
        path: What is asked for, from its first slash.
        method: As in HTTP.
        request: What else `requests` is told.

    Raises:
        MlflowException: no answer came.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    once: dict[str, Any] = {"max_retries": 0, "raise_on_status": False, "timeout": 10}
    # The server cuts the connection after an error of its own, which the next request would meet.
    once["extra_headers"] = {"Connection": "close"}
    response: Response = http_request(
        get_default_host_creds(uri), path, method, **{**once, **request}
    )
    return response


def ask_for_file(uri: str, name: str, method: str = "GET", **request: Any) -> Response:
    """What the server answers to a request for a file that it passes on, whatever its status.

    Args:
        uri: The server's address.
        name: The file's name within the artifact store.
        method: "GET", "PUT" or "DELETE".
        request: What else `requests` is told.

    Raises:
        MlflowException: no answer came.
    """
    return ask(uri, f"{_ARTIFACTS}/{name}", method, **request)


def error_text(response: Response) -> str:
    """The reason that an answer gives, on one line; its status if it gives none."""
    try:
        body = response.json()
    except ValueError:
        return f"HTTP {response.status_code}"
    text = body.get("message") or body.get("detail") if isinstance(body, dict) else None
    return " ".join(str(text).split())[:300] if text else f"HTTP {response.status_code}"
