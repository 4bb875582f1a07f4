"""A study that is tracked by a real MLflow server, which goes away and comes back."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.record import answers
from tests.cli.workspace import SMALL, Workspace
from tests.server import Server

EPOCHS = 80


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


def slow(workspace: Workspace) -> None:
    text = SMALL.replace("trials = 8", "trials = 6").replace("epochs = 4", f"epochs = {EPOCHS}")
    workspace.write(text.replace('"hyperband"', '"none"'))


def finished(workspace: Workspace) -> int:
    journal = workspace.folder / "studyhall.journal"
    return journal.read_text().count('"datetime_complete"') if journal.exists() else 0


def wait_for_finished(workspace: Workspace, process: subprocess.Popen[str], trials: int) -> None:
    while finished(workspace) < trials:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def require_whole(workspace: Workspace, server: Server) -> None:
    found = answers(workspace, "small", MlflowClient(server.address))
    assert [answer.state for answer in found] == ["FINISHED"] * 6
    assert all(len(answer.curves["validation_accuracy"]) == EPOCHS for answer in found)
    assert workspace.json("doctor", "small")["found"] == []


def test_training_goes_on_without_the_server_and_what_waited_is_sent(tracked, server):
    slow(tracked)
    process = tracked.start("launch", "small.toml", "--jobs", 2, start_new_session=True)
    wait_for_finished(tracked, process, 1)
    server.kill()
    wait_for_finished(tracked, process, 6)
    server.start()
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert "champion: version 1" in stdout
    assert "MLflow does not answer" in stderr
    assert "MLflow is back" in stderr
    require_whole(tracked, server)


def test_what_a_launch_could_not_send_is_sent_by_hand(tracked, server):
    slow(tracked)
    process = tracked.start("launch", "small.toml", "--jobs", 2, start_new_session=True)
    wait_for_finished(tracked, process, 1)
    server.kill()
    wait_for_finished(tracked, process, 6)
    process.terminate()  # or it would wait for the server
    process.communicate(timeout=60)
    assert process.returncode == 143
    _, stderr = tracked.run("sync", code=2)
    assert "no MLflow tracking store answers" in stderr
    server.start()
    stdout, _ = tracked.run("sync")
    assert stdout.startswith("small: ")
    assert stdout.endswith(" sent, 0 waiting\n")
    assert "nothing waits" in tracked.run("sync")[0]
    require_whole(tracked, server)
    assert json.loads(tracked.run("launch", "small.toml", "--json")[0])["complete"] == 6
