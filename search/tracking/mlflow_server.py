"""MLflow's server asked directly, and whether it can store files."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from studyhall.search.tracking import mlflow_errors

if TYPE_CHECKING:
    from requests import Response

_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


def is_server(uri: str) -> bool:
    """Whether an address is that of a server, not of a database or a folder."""
    return uri.startswith(("http://", "https://"))


def ask(uri: str, path: str, method: str = "GET", **request: Any) -> Response:
    """Send a request, with further arguments of `requests`; return the answer, whatever its status.

    Raises:
        MlflowException: no answer came.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    once: dict[str, Any] = {"max_retries": 0, "raise_on_status": False, "timeout": 10}
    # The server cuts the connection after an internal error, which would fail the next request.
    once["extra_headers"] = {"Connection": "close"}
    user = get_default_host_creds(uri)
    response: Response = http_request(user, path, method, **{**once, **request})
    return response


def _ask_for_file(uri: str, name: str, method: str = "GET", **request: Any) -> Response:
    """Send a request for a file in the artifact store, which the server proxies."""
    return ask(uri, f"{_ARTIFACTS}/{name}", method, **request)


def error_text(response: Response) -> str:
    """The reason in an answer, on one line; its status if there is none."""
    try:
        body = response.json()
    except ValueError:
        return f"HTTP {response.status_code}"
    text = body.get("message") or body.get("detail") if isinstance(body, dict) else None
    return " ".join(str(text).split())[:300] if text else f"HTTP {response.status_code}"


_SMALL = b"Written and deleted by `studyhall service check`.\n"
_LARGE = 20_000 * _SMALL  # as a network's weights: a store that is nearly full takes small files


def store_problem(uri: str, experiment_id: str | None = None) -> str | None:
    """Write files through the server, read them back and delete them; return what goes wrong.

    Args:
        uri: The server's address.
        experiment_id: The experiment among whose files to write. By default the files are written
            beside those of all experiments, where a server that knows its users may allow only
            administrators to write.

    Raises:
        MlflowDeniedError: this user may not write there.
        MlflowException: the server itself does not answer.
    """
    folder = f"{experiment_id}/studyhall-check" if experiment_id else "studyhall-check"
    # The small file comes first: a server that cannot store a large one cuts the connection.
    return _problem_with(uri, folder, _SMALL) or _problem_with(uri, folder, _LARGE)


def _problem_with(uri: str, folder: str, content: bytes) -> str | None:
    from mlflow.exceptions import MlflowException

    name = f"{folder}/{uuid.uuid4().hex}.txt"
    try:
        written: Response | None = _ask_for_file(uri, name, "PUT", data=content)
    except MlflowException:
        if content is _SMALL:
            raise
        written = None
    if written is None or not written.ok:
        return _why(uri, name, written)
    read = _ask_for_file(uri, name)
    if not read.ok or read.content != content:
        return f"gives back another file than it was given ({error_text(read)})"
    deleted = _ask_for_file(uri, name, "DELETE")
    if not deleted.ok:
        return f"deletes no files ({error_text(deleted)}); allow the server's key to"
    return None


@contextmanager
def store_explained(uri: str, experiment_id: str) -> Iterator[None]:
    """Say why an experiment's files are not stored, if the server itself works.

    Raises:
        ArtifactStoreError: the server's artifact store takes no files now.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        answer = getattr(error, "response", None)
        refused = answer is not None and answer.status_code < 500
        # A server that hangs would hang again, and an interrupted launch must end soon.
        if not is_server(uri) or refused or "timed out" in mlflow_errors.root_cause(error):
            raise
        try:
            problem = store_problem(uri, experiment_id)
        except (MlflowException, mlflow_errors.MlflowDeniedError):
            raise error from None
        if problem is None:
            raise
        reason = f"MLflow's artifact store {problem}"
        raise mlflow_errors.ArtifactStoreError(reason, reason) from error


def _why(uri: str, name: str, written: Response | None) -> str:
    """Find out by reading why a file was not written, which the server does not say."""
    if written is not None and written.status_code in (401, 403):
        raise mlflow_errors.MlflowDeniedError(error_text(written), error_text(written))
    if written is not None and "serve-artifacts" in (text := error_text(written)):
        return f"is not reached through the server ({text.split('.')[0]})"
    read = _ask_for_file(uri, f"{name}.none")  # `name` may be there in part
    text = error_text(read).partition(": ")[2] or error_text(read)
    if "bucket" in text.lower() and "not exist" in text.lower():
        return "lacks the bucket that the server's --artifacts-destination names; create it"
    if read.status_code in (401, 403):
        return (
            f"refuses the server's key ({text}); correct AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY where the server runs"
        )
    if read.status_code == 404 or "(404)" in text:
        return (
            "can be read but takes no file: it has no room left, or the server's key may not "
            "write; make room or allow it; the server's log says more"
        )
    return (
        "does not answer the server: start it, or correct MLFLOW_S3_ENDPOINT_URL; "
        "the server's log says more"
    )
