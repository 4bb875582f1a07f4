"""Killed at each point where one of the records is written and the next is not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from studyhall import load_study
from tests.cli.record import Answer, answers, child_runs
from tests.cli.watching import left_over
from tests.cli.workspace import Workspace
from tests.mlflow_database import sqlite
from tests.search.moons import Moons

ROOT = Path(__file__).resolve().parents[2]
# In the short run, tests/cli/test_interruptions.py kills a launch.
pytestmark = pytest.mark.long

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
STUDY = """\
[study]
name = "moons"
trials = 8
window = 3
sampler = "tpe"
pruner = "hyperband"

[data]
name = "two_moons"
train = 200
validation = 200

[network]
hidden = ["hidden_size"]

[training]
optimizer = "nesterov"
epochs = 4
batch_size = 20

[search_space]
hidden_size = { type = "int", low = 2, high = 40, log = true }
learning_rate = { type = "float", low = 1e-3, high = 1e-1, log = true }
"""


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Workspace:
    monkeypatch.chdir(tmp_path)  # where MLflow puts files
    sqlite(tmp_path)
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[Answer]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("undisturbed")
        patch.chdir(folder)
        return resumed(Workspace(folder))


def launch_and_die(workspace: Workspace, point: str) -> None:
    """Launch in a process of its own, which is killed at a point."""
    workspace.write(STUDY)
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


def resumed(workspace: Workspace) -> list[Answer]:
    """Launch in this process."""
    Moons(workspace.folder).run(load_study(workspace.write(STUDY)))
    return answers(workspace, "moons")


@pytest.mark.parametrize("point", POINTS)
def test_a_launch_killed_anywhere_is_resumed_as_if_nothing_had_happened(moons, undisturbed, point):
    launch_and_die(moons, point)
    assert resumed(moons) == undisturbed
    assert not left_over(moons, "moons")
    assert len(child_runs(moons, "moons", "study")) == 1


def test_starting_over_after_a_kill_leaves_nothing_running(moons):
    launch_and_die(moons, "half sent")
    moons.run("launch", "small.toml", "--fresh", "--trials", 1)
    assert not left_over(moons, "moons")
    recorded = moons.json("list")["recorded"]
    assert recorded["moons"]["finished"] == 1
    assert recorded["moons.1"]["finished"] >= 3
