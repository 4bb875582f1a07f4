"""Requests that an MLflow server has to refuse, sent as no client would send them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping

# A page on the web has its visitor's browser ask a name of its own, which points to this machine.
FOREIGN_NAMES = ["evil.example", "evil.example:5000", "10.evil.example"]
_ESCAPES = [
    "../escaped.txt",
    "..%2fescaped.txt",
    "%2e%2e/escaped.txt",
    "%252e%252e%252fescaped.txt",
    "1/../../escaped.txt",
    "%2ftmp/escaped.txt",
    "file:%2f%2f%2ftmp/escaped.txt",
]
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_SEARCH = "/api/2.0/mlflow/experiments/search"


def asked(
    port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, bytes]:
    """The status and body of an answer; the path goes out as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def require_own_names(port: int, own: str, headers: Mapping[str, str]) -> None:
    """Only `own` is answered to; a foreign name, and another's page that writes, get a 403."""
    body = json.dumps({"max_results": 1}).encode()
    plain = {**headers, "Content-Type": "application/json", "Host": own}
    assert asked(port, "POST", _SEARCH, plain, body)[0] == 200
    for name in FOREIGN_NAMES:
        assert asked(port, "POST", _SEARCH, {**plain, "Host": name}, body)[0] == 403, name
    for origin in ("http://evil.example", "https://evil.example", "null"):
        assert asked(port, "POST", _SEARCH, {**plain, "Origin": origin}, body)[0] == 403, origin


def require_no_escape(port: int, headers: Mapping[str, str]) -> None:
    """No path above the artifacts' root is written, read, listed or deleted.

    The caller looks at the folders: a file `escaped.txt` must not have come into being.
    """
    for path in _ESCAPES:
        for method, body in (("PUT", b"planted"), ("GET", None), ("DELETE", None)):
            status, _ = asked(port, method, f"{ARTIFACTS}/{path}", headers, body)
            assert 300 <= status < 500, (method, path, status)
        status, answer = asked(port, "GET", f"{ARTIFACTS}?path={path}", headers)
        assert 300 <= status < 500, (path, status, answer)
