"""Interrupted studies: what finished stays, the rest is done again, nothing is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest

from tests.cli.record import answers, child_runs, client_of, runs_by_trial
from tests.cli.workspace import SMALL, Workspace

SLOW = SMALL.replace("trials = 8", "trials = 6").replace("epochs = 4", "epochs = 60")


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def finished_trials(workspace: Workspace) -> int:
    journal = workspace.folder / "studyhall.journal"
    return journal.read_text().count('"datetime_complete"') if journal.exists() else 0


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def statuses(workspace: Workspace) -> set[str]:
    runs = [*child_runs(workspace, "small"), *child_runs(workspace, "small", "study")]
    return {run.info.status for run in runs}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, cifar10_cache):
    workspace = Workspace(tmp_path_factory.mktemp("undisturbed"))
    workspace.write(SLOW)
    workspace.run("launch", "small.toml", "--jobs", 2)
    return answers(workspace, "small")


@pytest.fixture
def running(workspace):
    """A launch of two workers that has finished one trial; its whole process group ends with it."""
    workspace.write(SLOW)
    process = workspace.start("launch", "small.toml", "--jobs", 2, start_new_session=True)
    wait_for(lambda: finished_trials(workspace) >= 1)
    yield process
    end(process)


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout and not process.stdout.closed:
        process.communicate()


def resumed_like(workspace, undisturbed) -> None:
    workspace.run("launch", "small.toml", "--jobs", 2)
    assert answers(workspace, "small") == undisturbed
    assert "RUNNING" not in statuses(workspace)


def test_the_first_interrupt_lets_running_trials_finish(workspace, running, undisturbed):
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: workers get it too
    stdout, stderr = running.communicate(timeout=120)
    assert running.returncode == 130, stderr
    assert "press Ctrl-C again" in stderr
    assert "to go on: studyhall launch small.toml" in stdout
    status = workspace.json("status", "small")
    assert 1 <= status["finished"] < 6
    assert status["unfinished"] == 0
    assert "RUNNING" not in statuses(workspace)
    resumed_like(workspace, undisturbed)


@pytest.mark.parametrize("ending", ["two interrupts", "SIGTERM"])
def test_a_study_that_is_ended_at_once_leaves_nothing_running(
    workspace, running, undisturbed, ending
):
    workers = children(running)
    if ending == "SIGTERM":
        running.send_signal(signal.SIGTERM)
    else:
        os.killpg(running.pid, signal.SIGINT)
        time.sleep(0.3)
        os.killpg(running.pid, signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == (143 if ending == "SIGTERM" else 130), stderr
    assert "stopped at once; launch the study again to resume it" in stderr
    assert "Traceback" not in stderr
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    assert "RUNNING" not in statuses(workspace)
    resumed_like(workspace, undisturbed)


def test_a_killed_launch_is_resumed_and_its_workers_end(workspace, running, undisturbed):
    workers = children(running)
    running.kill()
    running.wait()
    _, alive = psutil.wait_procs(workers, timeout=15)
    assert not alive
    resumed_like(workspace, undisturbed)


def test_a_killed_worker_costs_its_trial_a_second_run_alone(workspace, running, undisturbed):
    worker = next(p for p in children(running) if p.cpu_times().user > 1)
    worker.kill()
    _, stderr = running.communicate(timeout=300)
    assert running.returncode == 0, stderr
    assert "the trials that it interrupted start again" in stderr
    assert answers(workspace, "small") == undisturbed
    assert statuses(workspace) <= {"FINISHED", "KILLED"}


def test_a_study_is_not_run_twice_at_the_same_time(workspace, running):
    _, stderr = workspace.run("launch", "small.toml", code=2)
    assert "another launch is running this study" in stderr


def test_a_trial_of_more_than_a_few_seconds_is_seen_while_it_trains(workspace):
    workspace.write(SLOW.replace("epochs = 60", "epochs = 2000"))
    process = workspace.start("launch", "small.toml", "--jobs", 1, start_new_session=True)
    try:
        # Once the journal is there, MLflow's database is whole: two may not create it at once.
        wait_for(lambda: (workspace.folder / "studyhall.journal").exists())
        wait_for(lambda: client_of(workspace).get_experiment_by_name("small"))

        def growing() -> bool:
            runs = [r for r in child_runs(workspace, "small") if r.info.status == "RUNNING"]
            return bool(runs) and "validation_accuracy" in runs[0].data.metrics

        wait_for(growing)
    finally:
        end(process)
    assert runs_by_trial(workspace, "small")
