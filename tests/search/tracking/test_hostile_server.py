"""An MLflow server that is up to no good: nothing it answers is run, or written elsewhere."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mlflow.tracking import MlflowClient

from studyhall.search.common.errors import StudyhallError
from studyhall.search.evaluation.champion import champion
from studyhall.search.sync.doctor import examine
from studyhall.search.tracking.mlflow_model import WEIGHTS_IN_MODEL
from studyhall.search.tracking.run_files import artifact_bytes
from studyhall.search.tracking.study_runs import StudyRun
from studyhall.search.tracking.tracked_run import TrackedRun, tracked_run
from studyhall.search.tracking.tracker import Tracker
from tests.search.moons import Moons
from tests.search.tracked import DATA

RUN = "0" * 32
ELSEWHERE = [
    "../escaped.txt",
    "..%2fescaped.txt",
    "%2e%2e/escaped.txt",
    "%252e%252e%252fescaped.txt",
    "../../../escaped.txt",
    "{folder}/escaped.txt",
    "model/../../escaped.txt",
    "file://{folder}/escaped.txt",
]


class Hostile:
    """A server whose one run has a file at any path that it is told."""

    def __init__(self) -> None:
        self.path = ""
        self.asked: list[str] = []
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hostile.asked.append(self.path)
                address = urlsplit(self.path)
                body = b"planted"
                if address.path.endswith("/runs/get"):
                    info = {"run_id": RUN, "run_uuid": RUN, "experiment_id": "1"}
                    info |= {"artifact_uri": f"mlflow-artifacts:/1/{RUN}/artifacts"}
                    body = json.dumps({"run": {"info": info, "data": {}}}).encode()
                elif parse_qs(address.query).get("path"):
                    files = [{"path": hostile.path, "is_dir": False, "file_size": 7}]
                    body = json.dumps({"files": files}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    served = Hostile()
    thread = Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def found(tracker: Tracker) -> TrackedRun:
    return tracked_run(tracker.client.get_run(RUN))


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_download_stays_in_its_folder(hostile, tmp_path, monkeypatch, path):
    hostile.path = path.format(folder=tmp_path)
    client = MlflowClient(hostile.address)
    tracker = Tracker(StudyRun(hostile.address, "id", "1", RUN, DATA), client)
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(inside))
    with pytest.raises(StudyhallError), tracker.files(found(tracker)):
        pass
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


class Planted:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_planted_pickle_or_loader_is_not_run(tmp_path):
    study, ran = Moons(tmp_path), tmp_path / "ran"
    study.launch(study={"trials": 1})
    run_id = champion("moons", study.tracking_uri).run.info.run_id
    planted = tmp_path / "planted"
    for name in ("code", "data/weights"):
        (planted / name).mkdir(parents=True)
    for name in ("python_model.pkl", WEIGHTS_IN_MODEL, "settings.json"):
        (planted / name).write_bytes(pickle.dumps(Planted(ran)))
    (planted / "code" / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()")
    flavor = "{loader_module: evil, code: code, python_model: python_model.pkl}"
    (planted / "MLmodel").write_text(f"flavors: {{python_function: {flavor}}}")
    for name in ("MLmodel", "python_model.pkl", "code/evil.py"):
        study.client.log_artifact(run_id, str(planted / name), f"model/{name}".rpartition("/")[0])
    assert champion("moons", study.tracking_uri).version == "1"
    [finding] = examine("moons", study.options()).found
    assert "artifact model/MLmodel" in str(finding)
    for name, place in ((WEIGHTS_IN_MODEL, "model/data/weights"), ("settings.json", None)):
        study.client.log_artifact(run_id, str(planted / name), place)
        with pytest.raises(StudyhallError, match="its model cannot be loaded"):
            champion("moons", study.tracking_uri)
    assert not ran.exists()


def test_a_file_with_a_proper_name_is_fetched(hostile):
    hostile.path = "proper.txt"
    client = MlflowClient(hostile.address)
    tracker = Tracker(StudyRun(hostile.address, "id", "1", RUN, DATA), client)
    with tracker.files(found(tracker)) as folder:
        assert (folder / "proper.txt").read_text() == "planted"
    assert artifact_bytes(client, RUN, "proper.txt") == b"planted"
