"""Studies in folders of odd names, beside runs of MLflow's file store, moved and copied."""

from __future__ import annotations

import shutil
import signal
import socket
from pathlib import Path

import pytest
import requests

from tests.cli.record import child_runs
from tests.cli.test_nothing_changed import STUDY, content
from tests.cli.workspace import Workspace
from tests.waiting import wait_for

pytestmark = pytest.mark.long


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served(workspace: Workspace, path: str) -> str:
    """A file of the first trial's run as the UI serves it."""
    port = free_port()
    server = workspace.start("ui", "--port", port)
    base = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{base}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_for(answers)
        run = child_runs(workspace, "moons")[0].info.run_id
        query = {"run_uuid": run, "path": path}
        return requests.get(f"{base}/get-artifact", query, timeout=60).text
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate()


def test_every_command_works_in_an_odd_folder_that_moves_and_is_copied(tmp_path: Path) -> None:
    home = Workspace(tmp_path / "my %41?#+é (1), 'x';@")
    (home.folder / "mlruns/0").mkdir(parents=True)
    (home.folder / "mlruns/0/meta.yaml").write_text("name: Default\n")
    home.write(STUDY, "moons.toml")
    home.run("launch", "moons.toml", "--jobs", 2)
    moved = Workspace(home.folder.rename(tmp_path / "moved"))
    assert "was moved or copied from" in moved.run("evaluate", "moons")[1]
    copy = Workspace(shutil.copytree(moved.folder, tmp_path / "co py"))
    before = content(moved.folder)
    copy.run("launch", "moons.toml", "--jobs", 2, "--trials", 3)
    for command in ("report", "evaluate", "status", "best", "gc", "sync"):
        copy.run(command, *(["moons"] if command not in ("gc", "sync") else []))
    assert copy.run("doctor", "moons", "--fix") == ("OK: all trials of moons match MLflow.\n", "")
    assert "iteration" in served(copy, "training_loss.csv")
    assert content(moved.folder) == before
    assert not home.folder.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["co py", "moved"]
