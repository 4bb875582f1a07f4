"""What the servers refuse: foreign names and pages, paths that escape, requests too big."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from search.doctor import examine
from search.errors import StudyhallError
from tests.foreign import asked, require_no_escape, require_own_names
from tests.s3 import SECRET
from tests.service.stack import BUCKET
from tests.service.users import ORIGIN, Signed, credentials, signed_in

API = "/api/2.0/mlflow"


@pytest.fixture(scope="module")
def ada() -> dict[str, str]:
    """The headers of a writer's requests."""
    user, password = credentials("ada").values()
    known = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {known}", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def run(guarded) -> str:
    """A run of hers."""
    with signed_in("ada"):
        client = Signed(Path(), guarded).client
        return str(client.create_run(client.create_experiment("refusals")).info.run_id)


def test_foreign_names_and_pages_are_refused(guarded, ada):
    port = guarded.server.port
    require_own_names(port, "mlflow.example", ada)
    search, body = f"{API}/experiments/search", b'{"max_results": 1}'
    assert asked(port, "POST", search, {**ada, "Origin": ORIGIN}, body)[0] == 200


def test_no_artifact_path_leaves_the_root(guarded, ada, s3):
    for secret in (s3.folder / "escaped.txt", s3.folder / BUCKET / "escaped.txt"):
        secret.write_text("secret")
    require_no_escape(guarded.server.port, ada)
    found = {path.relative_to(s3.folder) for path in s3.folder.rglob("*escaped.txt")}
    assert found == {Path("escaped.txt"), Path(BUCKET) / "escaped.txt"}
    for secret in found:
        assert (s3.folder / secret).read_text() == "secret"


def test_no_one_reads_without_a_password(guarded):
    for path in (f"{API}/experiments/search?max_results=1", "/api/2.0/mlflow-artifacts/artifacts"):
        assert asked(guarded.server.port, "GET", path, {})[0] == 401


@pytest.mark.parametrize(
    "batch",
    [
        {"params": [{"key": "long", "value": "x" * 6001}]},
        {"tags": [{"key": "long", "value": "x" * 8001}]},
        {
            "metrics": [
                {"key": "m", "value": 1, "timestamp": 0, "step": step} for step in range(1001)
            ]
        },
    ],
    ids=["a long parameter", "a long tag", "many metrics"],
)
def test_what_is_too_big_for_a_run_is_refused(guarded, ada, run, batch):
    body = json.dumps({"run_id": run, **batch}).encode()
    status, answer = asked(guarded.server.port, "POST", f"{API}/runs/log-batch", ada, body)
    assert status == 400, answer
    assert json.loads(answer)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_wrong_secret_of_the_store_is_a_sentence_and_loses_nothing(guarded, tmp_path):
    study = Signed(tmp_path, guarded)
    right = guarded.server.environment
    with signed_in("ada"):
        study.launch(study={"name": "stored", "trials": 1})
        try:
            guarded.server.environment = {**right, "AWS_SECRET_ACCESS_KEY": "another secret"}
            guarded.server.restart()
            with pytest.raises(StudyhallError) as caught:
                study.launch(study={"name": "stored", "trials": 2})
        finally:
            guarded.server.environment = right
            guarded.server.restart()
        assert str(caught.value) == ""
        assert SECRET not in guarded.server.log.read_text()
        assert study.launch(study={"name": "stored", "trials": 2}).complete == 2
        assert examine("stored", study.options()).healthy
