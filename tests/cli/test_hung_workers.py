"""Workers that hang, and may wake up: their trials are taken over, and they change nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from filelock import FileLock, Timeout

from studyhall.search.common.intervals import INTERVALS
from tests.cli.record import answers, child_runs
from tests.cli.watching import attempts, claims, ended, finished, left_over, process_of, under_way
from tests.waiting import wait_for

pytestmark = pytest.mark.long


def test_the_trials_of_hung_workers_are_taken_over(workspace, launches, undisturbed):
    process = launches.start("--jobs", 2)
    wait_for(lambda: len(under_way(workspace)) == 2)
    stopped = under_way(workspace)
    for claim in stopped.values():
        os.kill(process_of(claim), signal.SIGSTOP)
    wait_for(lambda: all(attempts(workspace)[number] == 2 for number in stopped))
    assert f"hung for {INTERVALS.hung:g} s" in ended(process)
    assert not any(psutil.pid_exists(process_of(claim)) for claim in stopped.values())
    assert answers(workspace, "small") == undisturbed
    assert not left_over(workspace)


def stopped(workspace, process) -> bool:
    """Whether a launch hangs now, in the middle of a trial.

    It goes on if it has a lock, for milliseconds, of the journal or of MLflow's database: the
    system keeps it for whoever hangs, and no one else can go on either.
    """
    os.killpg(process.pid, signal.SIGSTOP)
    names = ("studyhall.journal.lock", "studyhall.journal.claims.lock")
    held = [name for name in names if not is_free(workspace.folder / name)]
    if under_way(workspace) and not held and not (workspace.folder / "mlflow.db-journal").exists():
        return True
    os.killpg(process.pid, signal.SIGCONT)
    return False


def is_free(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


def test_a_launch_that_hangs_and_wakes_up_changes_nothing(workspace, launches, undisturbed):
    zombie = launches.start("--jobs", 1)
    wait_for(lambda: under_way(workspace) and stopped(workspace, zombie))
    [number] = claims(workspace)
    other = launches.start("--jobs", 2)
    wait_for(lambda: finished(workspace) == 6)
    assert attempts(workspace)[number] == 2
    os.killpg(zombie.pid, signal.SIGCONT)  # it was sending, and no one else could
    for process in (zombie, other):
        ended(process)
    assert attempts(workspace)[number] == 2
    assert answers(workspace, "small") == undisturbed
    assert [r.info.status for r in child_runs(workspace, "small", "study")] == ["FINISHED"]
    assert not left_over(workspace)
