"""What the servers refuse: foreign names and pages, paths that escape, requests too big."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from studyhall.search.common.errors import StudyhallError
from tests.foreign import ARTIFACTS, asked, require_no_escape, require_own_names
from tests.server import Server
from tests.service.stack import BUCKET
from tests.service.users import KEEPER, ORIGIN, Signed, credentials, signed_in

API = "/api/2.0/mlflow"


def headers_of(user: str) -> dict[str, str]:
    known = base64.b64encode(":".join(credentials(user).values()).encode()).decode()
    return {"Authorization": f"Basic {known}", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def ada() -> dict[str, str]:
    """The headers of a writer's requests."""
    return headers_of("ada")


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


def test_no_artifact_path_leaves_the_root(guarded, s3):
    above = {s3.folder / "escaped.txt", s3.folder / BUCKET / "escaped.txt"}
    for secret in above:
        secret.write_text("secret")
    port, keeper = guarded.server.port, headers_of(KEEPER)  # who may do all that can be done
    require_no_escape(port, keeper)
    for path in ("..%5cescaped.txt", "%2e%2e%5cescaped.txt"):  # here a name like any other
        asked(port, "PUT", f"{ARTIFACTS}/{path}", keeper, b"planted")
    assert set(s3.folder.rglob("escaped.txt")) == above
    assert {secret.read_text() for secret in above} == {"secret"}
    assert not Path("/tmp/escaped.txt").exists()


@pytest.mark.parametrize("place", ["file://{folder}", "{folder}", "s3://another"])
@pytest.mark.parametrize("user", [KEEPER, "ada"])
def test_no_experiment_keeps_its_files_elsewhere(guarded, tmp_path, place, user):
    """Else the server would write there whatever is uploaded to one of its runs."""
    location = place.format(folder=tmp_path / "planted")
    body = json.dumps({"name": f"elsewhere-{user}", "artifact_location": location}).encode()
    create = f"{API}/experiments/create"
    status, answer = asked(guarded.server.port, "POST", create, headers_of(user), body)
    assert 400 <= status < 500, answer
    assert "artifact_location" in answer.decode()


def test_no_one_reads_without_a_password(guarded):
    for path in (f"{API}/experiments/search?max_results=1", "/api/2.0/mlflow-artifacts/artifacts"):
        assert asked(guarded.server.port, "GET", path, {})[0] == 401


@pytest.mark.parametrize(
    "batch",
    [
        {"params": [{"key": "x" * 251, "value": "1"}]},
        {"params": [{"key": f"x{number}", "value": "1"} for number in range(101)]},
        {"metrics": [{"key": "m", "value": 1, "timestamp": 0, "step": n} for n in range(1001)]},
    ],
    ids=["a long name", "many parameters", "many metrics"],
)
def test_what_is_too_big_for_a_run_is_refused(guarded, ada, run, batch):
    body = json.dumps({"run_id": run, **batch}).encode()
    status, answer = asked(guarded.server.port, "POST", f"{API}/runs/log-batch", ada, body)
    assert status == 400, answer
    assert json.loads(answer)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_wrong_secret_of_the_store_is_a_sentence_and_loses_nothing(guarded, tmp_path):
    study, server = Signed(tmp_path, guarded), guarded.server
    right = server.environment
    with signed_in("ada"):
        study.launch(study={"name": "stored", "trials": 1})
        try:
            restarted(server, {**right, "AWS_SECRET_ACCESS_KEY": "another secret"})
            with pytest.raises(StudyhallError) as caught:
                study.launch(study={"name": "stored", "trials": 2})
        finally:
            restarted(server, right)
        said = str(caught.value)
        assert said.startswith("MLflow's artifact store refuses the server's key (")
        assert "AWS_SECRET_ACCESS_KEY" in said
        assert "\n" not in said
        assert "SignatureDoesNotMatch" in server.log.read_text()
        assert "another secret" not in server.log.read_text()
        assert study.launch(study={"name": "stored", "trials": 2}).complete == 2


def restarted(server: Server, environment: Mapping[str, str]) -> None:
    server.kill()
    server.environment = environment
    server.start()
