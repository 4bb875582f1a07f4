"""The errors of MLflow: those it will always refuse, and those that may succeed later."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from studyhall.search.common.addresses import redact_text
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.words import first_line

# MLflow's answers to a faulty request; after any other answer, the same may succeed later.
_REFUSALS = {
    "ALREADY_EXISTS",
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "NOT_FOUND",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_CONFLICT",
    "RESOURCE_DOES_NOT_EXIST",
}
_REFUSAL_STATUSES = {400, 404, 409, 413, 422}

_UNKNOWN = (
    "it does not know this user and password; set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, or correct ~/.mlflow/credentials"
)
_NOT_ALLOWED = "this user may not do that; the server's administrator can allow it"
_OTHER_NAME = (
    "it does not answer to the name in this address; its --allowed-hosts must have the name"
)
_UNTRUSTED = (
    "its certificate is not signed by an authority that is trusted here; set "
    "MLFLOW_TRACKING_SERVER_CERT_PATH to the authority's file"
)


class MlflowError(StudyhallError):
    """MLflow did not do what it was asked to; `reason` says why, but not what was asked."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class MlflowUnavailableError(MlflowError):
    """MLflow is unreachable, or cannot do its work just now; the same may succeed later."""


class MlflowDeniedError(MlflowUnavailableError):
    """MLflow does not let this user do it; with another password or right it may succeed."""


class MlflowRefusedError(MlflowError):
    """MLflow refuses the request, and would refuse it later."""


class ArtifactStoreError(MlflowUnavailableError):
    """MLflow works, but its artifact store takes no files; the same may succeed later."""


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn MLflow's errors into a sentence that names `what` was being recorded.

    Raises:
        MlflowRefusedError: MLflow refuses it.
        MlflowDeniedError: MLflow does not let this user do it.
        MlflowUnavailableError: MLflow does not answer, or fails.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        refused = _is_refusal(error)
        reason = _short(error) if refused else root_cause(error)
        kind: type[MlflowError] = MlflowRefusedError if refused else MlflowUnavailableError
        if denial(error):
            kind = MlflowDeniedError
        remedy = "; make room, then try again" if is_disk_full(error) else ""
        message = f"MLflow did not take the record of {what}: {reason}{remedy}"
        raise kind(message, reason) from error


def is_disk_full(error: BaseException) -> bool:
    """Whether an error was caused by a full disk, of this machine or of a database."""
    first = _first(error)
    return getattr(first, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or (
        "database or disk is full" in str(first)
    )


def root_cause(error: BaseException) -> str:
    """The first cause of an error that MLflow wrapped, such as "Connection refused"."""
    first = _first(error)
    if denied := denial(error):
        return denied
    if "CERTIFICATE_VERIFY_FAILED" in str(first):
        return _UNTRUSTED
    return _short(getattr(first, "strerror", None) or first)


def denial(error: BaseException) -> str | None:
    """Why MLflow does not let this user in, and what to do; None for any other error."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    code = getattr(error, "error_code", None)
    if status == 401 or code == "UNAUTHENTICATED":
        return _UNKNOWN
    if status == 403 or code == "PERMISSION_DENIED":
        return _OTHER_NAME if "Invalid Host header" in str(error) else _NOT_ALLOWED
    return None


def _first(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _is_refusal(error: Exception) -> bool:
    """Whether MLflow has answered that the request is faulty.

    If there is no answer, MLflow's client raises an internal error, as for a fault of the server.
    Files are sent by `requests`, whose errors have the response.
    """
    answer = getattr(error, "response", None)
    if answer is not None and hasattr(answer, "status_code"):
        return answer.status_code in _REFUSAL_STATUSES
    return getattr(error, "error_code", None) in _REFUSALS


def _short(error: object) -> str:
    return first_line(redact_text(str(error)))


def mlflow_exception() -> type[Exception]:
    """MLflow's own exception, for an `except` clause of another room."""
    from mlflow.exceptions import MlflowException

    return MlflowException
