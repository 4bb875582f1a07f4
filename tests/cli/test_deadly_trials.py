"""Trials that bring down their worker, every time: they fail, and the study goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.cli.record import answers, child_runs
from tests.cli.watching import attempts, claims, ended, left_over, process_of, trials
from tests.cli.workspace import SMALL

ATTEMPTS = 2
REASON = "its worker died 2 times without getting further: "
KILLED = REASON + "was there enough memory?"
HEAD = SMALL[: SMALL.index("[search_space]")].replace("trials = 8", "trials = 4")
# Every hidden size once; there is no memory for one of them, as the system says at once.
TOO_LARGE = (
    HEAD.rstrip()
    .replace("tpe", "grid")
    .replace("hyperband", "none")
    .replace('["hidden_size"]', '["hidden_size", "hidden_size"]')
    + """
learning_rate = 1e-2

[search_space]
hidden_size = { type = "categorical", choices = [16, 1_000_000, 24, 32] }
"""
)


def kill_its_workers(workspace, process, number: int) -> int:
    """Kill whoever trains a trial, as the kernel does when memory runs out; return how often."""
    killed: set[tuple[int, int]] = set()
    while process.poll() is None:
        claim = claims(workspace).get(number)
        if claim and claim.owner and claim.deaths < ATTEMPTS:
            with suppress(ProcessLookupError):
                os.kill(process_of(claim), signal.SIGKILL)
                killed.add((number, claim.attempt))
        time.sleep(0.02)
    return len(killed)


@pytest.mark.long
def test_a_trial_whose_workers_are_all_killed_is_failed_and_no_other(workspace, launches):
    process = launches.start("--jobs", 2, "--attempts", ATTEMPTS)
    killed = kill_its_workers(workspace, process, 1)
    assert "a worker process was killed, or the memory ran out" in ended(process)
    assert killed >= ATTEMPTS
    found = {answer.number: (answer.state, answer.reason) for answer in answers(workspace, "small")}
    assert found.pop(1) == ("FAILED", KILLED)
    assert len(found) == 5
    assert {state for state, _ in found.values()} <= {"FINISHED", "KILLED"}
    assert {count for number, count in attempts(workspace).items() if number != 1} == {1}
    assert trials(workspace)[1].user_attrs["reason"] == KILLED
    assert not left_over(workspace)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_trial_that_needs_more_memory_than_there_is_is_failed_and_no_other(workspace, jobs):
    workspace.write(TOO_LARGE)
    options = ("--jobs", jobs, "--attempts", ATTEMPTS, "--no-preflight")
    workspace.run("launch", "small.toml", *options)
    found = [(answer.state, answer.reason) for answer in answers(workspace, "small")]
    assert sorted(found) == [("FAILED", REASON + "the memory ran out"), *[("FINISHED", "")] * 3]
    assert sorted(attempts(workspace).values()) == [1, 1, 1, ATTEMPTS + 1]
    assert len(child_runs(workspace, "small")) == 4
    assert not left_over(workspace)


# A fault of the program itself, in one trial.
FAULTY = """
import studyhall.search.training.record
import studyhall.search.training.saved_training
from studyhall.search.cli.entry import main

studyhall.search.training.saved_training.SECONDS = 600.0  # no attempt gets further
store = studyhall.search.training.record.store

def faulty(folder, record, **rest):
    if record.number == 1 and record.epochs:
        raise ValueError("no such\\npicture")
    return store(folder, record, **rest)

studyhall.search.training.record.store = faulty
main()
"""


@pytest.mark.long
def test_a_trial_that_meets_a_fault_of_the_program_is_failed_and_no_other(workspace):
    workspace.write(SMALL.replace("trials = 8", "trials = 4"))
    words = ("launch", "small.toml", "--jobs", "1", "--attempts", str(ATTEMPTS))
    done = subprocess.run(
        [sys.executable, "-c", FAULTY, *words],
        cwd=workspace.folder,
        env=workspace.settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fault = "ValueError: no such picture (<string>, line 11)"
    assert done.stderr.count(f"trial 1: {fault}; the trial is tried again") == ATTEMPTS
    assert "Traceback" not in done.stderr
    found = {answer.number: (answer.state, answer.reason) for answer in answers(workspace, "small")}
    assert found.pop(1) == ("FAILED", REASON + fault)
    assert {state for state, _ in found.values()} <= {"FINISHED", "KILLED"}
    assert not left_over(workspace)


def test_a_network_that_needs_more_memory_than_there_is_is_refused(workspace):
    workspace.write(TOO_LARGE)
    _, stderr = workspace.run("launch", "small.toml", code=2)
    assert (
        "the network with 1000000 x 1000000 hidden units (relu, he): needs more memory than"
        in stderr
    )
    assert stderr.endswith("; change it, or launch with --no-preflight\n")
