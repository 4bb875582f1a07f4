"""The same study gives the same answer: any number of workers, any timing, any killing.

STUDYHALL_RUNS and STUDYHALL_KILLS say how often; `make disturb` tries it at length.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.cli.disturbance import delay_some, end, kill_some, start
from tests.cli.record import answers, child_runs
from tests.cli.watching import left_over
from tests.cli.workspace import SMALL, Workspace

pytestmark = pytest.mark.long

RUNS = int(os.environ.get("STUDYHALL_RUNS", "1"))
KILLS = int(os.environ.get("STUDYHALL_KILLS", "5"))
KILLS_A_STUDY = 5
STUDY = SMALL.replace("trials = 8", "trials = 12").replace("epochs = 4", "epochs = 60")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, cifar10_cache):
    workspace = Workspace(tmp_path_factory.mktemp("undisturbed"))
    workspace.write(STUDY)
    workspace.run("launch", "small.toml", "--jobs", 2)
    return answers(workspace, "small")


def test_the_study_prunes_some_trials_and_completes_others(undisturbed):
    assert {answer.state for answer in undisturbed} == {"FINISHED", "KILLED"}
    assert len(undisturbed) == 12


@pytest.mark.parametrize("run", range(RUNS))
def test_neither_workers_nor_delays_change_anything(workspace, undisturbed, run):
    workspace.write(STUDY)
    process = start(workspace, 1 + run % 3)
    try:
        held = delay_some(process, np.random.default_rng(run))
    finally:
        end(process)
    assert process.returncode == 0, (workspace.folder / "launch.log").read_text()
    assert held > 3
    assert answers(workspace, "small") == undisturbed
    assert not left_over(workspace)


@pytest.mark.parametrize("seed", range(-(-KILLS // KILLS_A_STUDY)))
def test_killing_changes_nothing_and_leaves_nothing(workspace, undisturbed, seed):
    workspace.write(STUDY)
    killed = kill_some(workspace, KILLS_A_STUDY, np.random.default_rng(seed), seconds=3.0)
    print(f"killed {killed[0]} workers and {killed[1]} launches")
    assert sum(killed) == KILLS_A_STUDY
    workspace.run("launch", "small.toml", "--jobs", 2)
    assert answers(workspace, "small") == undisturbed
    assert len(child_runs(workspace, "small", "study")) == 1
    assert not left_over(workspace)
    assert workspace.json("doctor", "small")["found"] == []
