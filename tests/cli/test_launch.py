"""A study from the command line: it runs, resumes, extends, and gives the same answer each time."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.record import answers, runs_by_trial
from tests.cli.workspace import SMALL, STUDYHALL, Workspace
from tests.mlflow_database import sqlite


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """A folder with a database of MLflow."""
    sqlite(workspace.folder)
    return workspace


def test_a_study_runs_to_its_end_and_names_its_champion(finished):
    status = finished.json("status", "small")
    assert status["wanted"] == 8
    assert status["complete"] + status["pruned"] == 8
    assert status["unfinished"] == 0
    best = finished.json("best", "small")
    assert best["trial"] == status["best"]["number"]
    assert set(best["parameters"]) == {"hidden_size", "learning_rate", "l2"}
    assert 0.2 < best["validation_accuracy"] < 0.6


def test_the_enqueued_point_is_tried_first(finished):
    assert answers(finished, "small")[0].parameters == {
        "hidden_size": 30,
        "learning_rate": 0.01,
        "l2": 0.01,
    }


def test_some_trials_are_pruned(finished):
    assert finished.json("status", "small")["pruned"] >= 1


def test_one_worker_and_two_give_the_same_trials_curves_and_weights(finished, workspace):
    workspace.write()
    workspace.run("launch", "small.toml", "--jobs", 1)
    assert answers(workspace, "small") == answers(finished, "small")


def test_launching_again_repeats_nothing_and_a_larger_total_goes_on(finished, workspace):
    workspace.write()
    workspace.run("launch", "small.toml", "--jobs", 1, "--trials", 3)
    before = runs_by_trial(workspace, "small")
    with (workspace.folder / "studyhall.journal").open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","stu')  # as a power cut leaves it
    workspace.run("launch", "small.toml", "--jobs", 1, "--trials", 3)
    assert runs_by_trial(workspace, "small") == before
    workspace.run("launch", "small.toml")
    after = runs_by_trial(workspace, "small")
    assert {number: after[number] for number in before} == before
    assert workspace.json("status", "small")["wanted"] == 8
    assert answers(workspace, "small") == answers(finished, "small")


def test_no_trial_starts_after_the_timeout(workspace):
    workspace.write()
    stdout, _ = workspace.run("launch", "small.toml", "--jobs", 1, "--timeout", 0.001)
    assert "0 of 8 trials finished" in stdout
    assert "to resume: studyhall launch small.toml" in stdout


def test_fresh_starts_over_and_keeps_what_was(workspace):
    workspace.write()
    workspace.run("launch", "small.toml", "--jobs", 1, "--trials", 1)
    fresh = ("--fresh", "--set", "study.seed=1", "--jobs", 1, "--trials", 2)
    _, stderr = workspace.run("launch", "small.toml", *fresh)
    assert "the earlier trials are kept as study 'small.1'" in stderr
    recorded = workspace.json("list")["recorded"]
    assert {name: summary["finished"] for name, summary in recorded.items()} == {
        "small": 2,
        "small.1": 1,
    }


def test_a_trial_that_diverges_fails_with_its_reason_and_the_study_goes_on(workspace):
    workspace.write(SMALL.replace("high = 2e-2", "high = 1e6").replace("1e-2\nl2", "1e6\nl2"))
    _, stderr = workspace.run("launch", "small.toml", "--trials", 2, "--jobs", 1, code=1)
    for answer in answers(workspace, "small"):
        assert answer.state == "FAILED"
        assert answer.reason.startswith("the loss must stay finite, got ")
    assert stderr.endswith(
        "studyhall: small: none of its trials completed (0 pruned, 2 failed); `studyhall ui` shows "
        "the reasons; change the study file, such as its learning rates, and launch it with "
        "--fresh\n"
    )


def test_a_grid_covers_every_point_once(workspace):
    grid = SMALL.replace('"tpe"', '"grid"').replace("trials = 8", "trials = 4")
    head, _ = grid.split("[search_space]")
    workspace.write(
        head
        + "[search_space]\n"
        + 'hidden_size = { type = "categorical", choices = [8, 12] }\n'
        + 'learning_rate = { type = "categorical", choices = [1e-3, 1e-2] }\n'
    )
    workspace.run("launch", "small.toml", "--jobs", 1)
    points = [tuple(answer.parameters.values()) for answer in answers(workspace, "small")]
    assert points == [(8, 1e-3), (8, 1e-2), (12, 1e-3), (12, 1e-2)]


def test_a_parameter_is_recorded_only_where_its_condition_holds(workspace):
    decayed = (
        'decay = { type = "categorical", choices = [0, 1] }\n'
        'l2 = { type = "float", low = 1e-5, high = 1e-1, when = { decay = 1 } }\n'
    )
    head, _ = SMALL.split("l2 = {")
    enqueued = "[[enqueue]]\ndecay = 0\n[[enqueue]]\ndecay = 1\nl2 = 1e-2\n"
    workspace.write(head + decayed + enqueued)
    workspace.run("launch", "small.toml", "--jobs", 1, "--set", 'study.pruner="none"')
    found = [answer.parameters for answer in answers(workspace, "small")]
    assert [("l2" in point) for point in found] == [bool(point["decay"]) for point in found]
    assert [point["decay"] for point in found[:2]] == [0, 1]


def test_progress_is_plain_lines_without_a_terminal_and_silent_if_asked(workspace):
    workspace.write()
    options = ("--jobs", 1, "--name", "other")
    _, stderr = workspace.run("launch", "small.toml", *options, "--trials", 1)
    assert "\x1b" not in stderr
    assert "[1/1]  trial 0 complete" in stderr
    stdout, stderr = workspace.run("launch", "small.toml", *options, "--trials", 2, "--quiet")
    assert stderr == ""
    assert stdout.startswith("other: 2 of 2 trials finished")


@pytest.mark.long
def test_training_goes_on_when_no_one_takes_what_is_printed(workspace):
    workspace.write()
    command = '"$0" launch small.toml --jobs 2 2>/dev/full | :'
    subprocess.run(["sh", "-c", command, STUDYHALL], cwd=workspace.folder, env=workspace.settings)
    command = '"$0" launch small.toml --trials 10 --jobs 2 <&- >&- 2>&-'
    subprocess.run(
        ["sh", "-c", command, STUDYHALL], cwd=workspace.folder, env=workspace.settings, check=True
    )
    assert workspace.json("status", "small")["finished"] == 10


def test_results_that_cannot_be_printed_are_a_failure(finished):
    with open("/dev/full", "w") as full:
        status = finished.start("status", "small", stdout=full)
        assert status.communicate()[1].startswith("studyhall: stdout: part of the output is lost: ")
    assert status.returncode == 1


def test_names_of_studies_are_completed(workspace):
    words = {"COMP_WORDS": "studyhall launch cifar10_g", "COMP_CWORD": "2"}
    shell = Workspace(workspace.folder, {"_STUDYHALL_COMPLETE": "complete_bash", **words})
    stdout, _ = shell.run()
    assert stdout.split() == ["cifar10_grid"]
