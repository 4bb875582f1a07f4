"""A study that is tracked by a real MLflow server, which goes away and comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.record import answers
from tests.cli.workspace import SMALL, Workspace, free_port


class Server:
    """An MLflow server on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *options],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=5).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "the server did not come up"
                time.sleep(0.2)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(tmp_path_factory):
    served = Server(tmp_path_factory.mktemp("server"))
    yield served
    served.kill()


@pytest.fixture
def tracked(workspace, server) -> Workspace:
    workspace.write(SMALL.replace("trials = 8", "trials = 6"))
    return Workspace(workspace.folder, {"MLFLOW_TRACKING_URI": server.address})


def test_json_is_all_that_stands_on_stdout(tracked):
    summary = tracked.json("launch", "small.toml", "--jobs", 1, "--trials", 1)
    assert summary["champion_version"] == "1"
    assert tracked.json("evaluate", "small")["examples"] == 1000


def test_what_a_lost_server_did_not_take_is_sent_when_it_is_back(tracked, server):
    text = SMALL.replace("trials = 8", "trials = 6").replace("epochs = 4", "epochs = 150")
    tracked.write(text.replace('"hyperband"', '"none"'))
    process = tracked.start("launch", "small.toml", "--jobs", 2, start_new_session=True)
    journal = tracked.folder / "studyhall.journal"
    while not (journal.exists() and '"datetime_complete"' in journal.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    server.kill()
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1, stderr
    assert "Traceback" not in stderr
    assert "MLflow did not take the record of" in stderr
    server.start()
    summary = json.loads(tracked.run("launch", "small.toml", "--json")[0])
    assert summary["complete"] == 6
    found = answers(tracked, "small", MlflowClient(server.address))
    assert [answer.state for answer in found] == ["FINISHED"] * 6
    assert all(len(answer.curves["validation_accuracy"]) == 150 for answer in found)
