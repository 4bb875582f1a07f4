"""Killed at each point where one of the three records is written and the next is not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.record import answers, child_runs
from tests.cli.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
POINTS = [
    "study created",
    "study run opened",
    "record stored",
    "study told",
    "half sent",
    "record half deleted",
]


def launch_and_die(workspace: Workspace, point: str) -> None:
    workspace.write()
    command = ["-m", "tests.cli.dying", point, "launch", "small.toml", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=workspace.folder,
        env={**workspace.settings, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def left_running(workspace: Workspace) -> list[str]:
    runs = [*child_runs(workspace, "small"), *child_runs(workspace, "small", "study")]
    return [run.info.run_name for run in runs if run.info.status == "RUNNING"]


@pytest.mark.parametrize("point", POINTS)
def test_a_launch_killed_anywhere_is_resumed_as_if_nothing_had_happened(workspace, finished, point):
    launch_and_die(workspace, point)
    workspace.run("launch", "small.toml", "--jobs", 2)
    assert answers(workspace, "small") == answers(finished, "small")
    assert not left_running(workspace)
    assert len(child_runs(workspace, "small", "study")) == 1
    assert not list((workspace.folder / ".studyhall").glob("*/*"))


def test_starting_over_after_a_kill_leaves_nothing_running(workspace):
    launch_and_die(workspace, "half sent")
    workspace.run("launch", "small.toml", "--fresh", "--trials", 1)
    assert not left_running(workspace)
    recorded = workspace.json("list")["recorded"]
    assert recorded["small"]["finished"] == 1
    assert recorded["small.1"]["finished"] >= 3
