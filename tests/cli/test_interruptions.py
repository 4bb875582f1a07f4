"""Interrupted studies: what finished stays, the rest is done again, nothing is left over."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from tests.cli.record import answers, child_runs, client_of, runs_by_trial
from tests.cli.watching import (
    attempts,
    children,
    claims,
    ended,
    finished,
    left_over,
    process_of,
    under_way,
)
from tests.cli.workspace import SMALL
from tests.waiting import wait_for

AT_ONCE = {
    "two interrupts to the launch": (os.kill, (signal.SIGINT, signal.SIGINT)),
    "SIGTERM to its group": (os.killpg, (signal.SIGTERM,)),
}


@pytest.fixture
def running(workspace, launches):
    """A launch of two workers that has finished one trial and is in the middle of another."""
    process = launches.start("--jobs", 2)
    wait_for(lambda: finished(workspace) >= 1 and under_way(workspace))
    return process


def resumed_like(workspace, undisturbed) -> None:
    workspace.run("launch", "small.toml", "--jobs", 1)
    assert answers(workspace, "small") == undisturbed
    assert not left_over(workspace)


def require_free(workspace) -> None:
    """Nothing is claimed, and no worker is blamed for having been stopped."""
    assert all(c.owner == "" and c.deaths <= 0 for c in claims(workspace).values())


def require_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not alive


def test_the_first_interrupt_lets_running_trials_finish(workspace, running, undisturbed):
    begun = attempts(workspace)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: workers get it too
    stdout, stderr = running.communicate(timeout=120)
    assert running.returncode == 130, stderr
    assert "Press Ctrl-C again" in stderr
    assert "to resume: studyhall launch small.toml" in stdout
    status = workspace.json("status", "small")
    assert len(begun) <= status["finished"] < 6
    assert status["unfinished"] == 0
    assert not left_over(workspace)
    resumed_like(workspace, undisturbed)


@pytest.mark.long
@pytest.mark.parametrize(("send", "numbers"), AT_ONCE.values(), ids=AT_ONCE)
def test_a_study_that_is_ended_at_once_leaves_nothing_running(
    workspace, running, undisturbed, send, numbers
):
    workers = children(running)
    for number in numbers:
        send(running.pid, number)
        time.sleep(0.3)  # two at the same moment would count as one
    stderr = ended(running, 128 + numbers[0])
    assert "Stopped. Run the same command to resume." in stderr
    assert "Traceback" not in stderr
    require_gone(workers)
    require_free(workspace)
    runs = [*child_runs(workspace, "small"), *child_runs(workspace, "small", "study")]
    told = "still look RUNNING in MLflow" not in stderr  # a busy machine may need longer
    assert not told or "RUNNING" not in {run.info.status for run in runs}
    resumed_like(workspace, undisturbed)


@pytest.mark.long
def test_a_launch_that_is_ended_while_it_opens_its_study_is_resumed(
    workspace, launches, undisturbed
):
    process = launches.start("--jobs", 2)
    wait_for((workspace.folder / "studyhall.journal").exists)
    process.terminate()
    stderr = ended(process, 143)
    assert "Stopped. Run the same command to resume." in stderr
    assert "Traceback" not in stderr
    resumed_like(workspace, undisturbed)


def test_a_killed_launch_is_resumed_and_its_workers_end(workspace, running, undisturbed):
    workers = children(running)
    running.kill()
    running.wait()
    require_gone(workers)
    require_free(workspace)
    resumed_like(workspace, undisturbed)


@pytest.mark.long
def test_a_killed_worker_costs_its_trial_a_second_attempt_alone(workspace, running, undisturbed):
    number, claim = next(iter(under_way(workspace).items()))
    os.kill(process_of(claim), signal.SIGKILL)
    assert "was killed, or the memory ran out; the trial is tried again" in ended(running)
    assert answers(workspace, "small") == undisturbed
    assert {n for n, count in attempts(workspace).items() if count > 1} == {number}
    assert not left_over(workspace)


@pytest.mark.long
def test_a_trial_of_more_than_a_few_seconds_is_seen_while_it_trains(workspace, launches):
    workspace.write(SMALL.replace("epochs = 4", "epochs = 2000"))
    launches.start("--jobs", 1)
    # Once the journal is there, MLflow's database is whole: two may not create it at once.
    wait_for(lambda: (workspace.folder / "studyhall.journal").exists())
    wait_for(lambda: client_of(workspace).get_experiment_by_name("small"))

    def growing() -> bool:
        runs = [r for r in child_runs(workspace, "small") if r.info.status == "RUNNING"]
        return bool(runs) and "validation_accuracy" in runs[0].data.metrics

    wait_for(growing)
    assert runs_by_trial(workspace, "small")
