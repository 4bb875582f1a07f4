"""A study that is tracked by a real MLflow server, which goes away and comes back."""

from __future__ import annotations

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.record import answers
from tests.cli.watching import ended, finished
from tests.cli.workspace import SMALL, Workspace
from tests.server import Server
from tests.waiting import wait_for

EPOCHS = 10


@pytest.fixture
def server(tmp_path_factory):
    served = Server(tmp_path_factory.mktemp("server"))
    yield served
    served.kill()


@pytest.fixture
def tracked(workspace, server) -> Workspace:
    text = SMALL.replace("trials = 8", "trials = 6").replace("epochs = 4", f"epochs = {EPOCHS}")
    workspace.write(text.replace('"hyperband"', '"none"'))
    return Workspace(workspace.folder, {"MLFLOW_TRACKING_URI": server.address})


def require_whole(workspace: Workspace, server: Server) -> None:
    found = answers(workspace, "small", MlflowClient(server.address))
    assert [answer.state for answer in found] == ["FINISHED"] * 6
    assert all(len(answer.curves["validation_accuracy"]) == EPOCHS for answer in found)
    assert workspace.json("doctor", "small")["found"] == []


def test_training_goes_on_without_the_server_and_what_waited_is_sent(tracked, server):
    log = tracked.folder / "stderr"
    with log.open("w") as stderr:
        process = tracked.start("launch", "small.toml", "--jobs", 2, stderr=stderr)
    wait_for(lambda: finished(tracked) >= 1)
    server.kill()
    wait_for(lambda: finished(tracked) == 6)
    wait_for(lambda: "MLflow is unavailable" in log.read_text())
    server.start()
    stdout, _ = process.communicate(timeout=300)
    assert process.returncode == 0, log.read_text()
    assert "champion: version 1" in stdout
    assert "MLflow is available again" in log.read_text()
    require_whole(tracked, server)


@pytest.mark.long
def test_what_a_launch_could_not_send_is_sent_by_hand(tracked, server):
    process = tracked.start("launch", "small.toml", "--jobs", 2)
    wait_for(lambda: finished(tracked) >= 1)
    server.kill()
    wait_for(lambda: finished(tracked) == 6)
    process.terminate()  # or it would wait for the server
    assert "Traceback" not in ended(process, 143, seconds=30)
    _, stderr = tracked.run("sync", code=2)
    assert "no MLflow tracking store answers" in stderr
    server.start()
    stdout, _ = tracked.run("sync")
    assert stdout.startswith("small: ")
    assert stdout.endswith(" uploaded, 0 remaining\n")
    assert "Nothing to upload." in tracked.run("sync")[0]
    require_whole(tracked, server)
    require_json_alone_on_stdout(tracked)


def require_json_alone_on_stdout(tracked: Workspace) -> None:
    """Though MLflow says of each run where the server shows it."""
    summary = tracked.json("launch", "small.toml", "--jobs", 1, "--trials", 7)
    assert (summary["complete"], summary["champion_version"]) == (7, "1")
    assert tracked.json("evaluate", "small")["examples"] == 1000
