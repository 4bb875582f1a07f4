"""Killed at each point where one of the records is written and the next is not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.record import answers, child_runs
from tests.cli.watching import left_over
from tests.cli.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
POINTS = [
    "study created",
    "study run opened",
    "trial claimed",
    "record stored",
    "study told",
    "run created",
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


@pytest.mark.parametrize("point", POINTS)
def test_a_launch_killed_anywhere_is_resumed_as_if_nothing_had_happened(workspace, finished, point):
    launch_and_die(workspace, point)
    workspace.run("launch", "small.toml", "--jobs", 2)
    assert answers(workspace, "small") == answers(finished, "small")
    assert not left_over(workspace)
    assert len(child_runs(workspace, "small", "study")) == 1


def test_starting_over_after_a_kill_leaves_nothing_running(workspace):
    launch_and_die(workspace, "half sent")
    workspace.run("launch", "small.toml", "--fresh", "--trials", 1)
    assert not left_over(workspace)
    recorded = workspace.json("list")["recorded"]
    assert recorded["small"]["finished"] == 1
    assert recorded["small.1"]["finished"] >= 3
