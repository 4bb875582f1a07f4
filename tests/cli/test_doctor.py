"""The doctor: what differs between a study and MLflow is found, named, and put right if asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tests.cli.record import answers, child_runs, client_of
from tests.cli.workspace import Workspace


@pytest.fixture(scope="module")
def study(tmp_path_factory, cifar10_cache) -> Workspace:
    """A folder with a finished study of three trials; each test leaves it as it was."""
    workspace = Workspace(tmp_path_factory.mktemp("examined"))
    workspace.write()
    workspace.run("launch", "small.toml", "--jobs", 1, "--trials", 3)
    return workspace


@pytest.fixture
def client(study) -> MlflowClient:
    return client_of(study)


def run_of(study: Workspace, number: int) -> Run:
    return next(
        run for run in child_runs(study, "small") if run.data.tags["studyhall.trial"] == str(number)
    )


def the_parent(study: Workspace) -> Run:
    (parent,) = child_runs(study, "small", "study")
    return parent


def delete(study: Workspace, client: MlflowClient) -> None:
    client.delete_run(run_of(study, 1).info.run_id)


def double(study: Workspace, client: MlflowClient) -> None:
    run = run_of(study, 2)
    copy = client.create_run(run.info.experiment_id, tags=dict(run.data.tags))
    client.set_terminated(copy.info.run_id, run.info.status)


def invent(study: Workspace, client: MlflowClient) -> None:
    run = run_of(study, 0)
    tags = {**run.data.tags, "studyhall.trial": "99"}
    client.create_run(run.info.experiment_id, tags=tags)


def leave_running(study: Workspace, client: MlflowClient) -> None:
    client.update_run(run_of(study, 0).info.run_id, status="RUNNING")


def call_failed(study: Workspace, client: MlflowClient) -> None:
    client.update_run(run_of(study, 0).info.run_id, status="FAILED")


def lose(study: Workspace, client: MlflowClient) -> None:
    client.set_tag(run_of(study, 1).info.run_id, "studyhall.kind", "another program's")


def spoil(study: Workspace, client: MlflowClient) -> None:
    artifacts = Path(str(run_of(study, 2).info.artifact_uri).removeprefix("file://"))
    curve = artifacts / "training_loss.csv"
    curve.write_text(curve.read_text().replace("1,", "1,0", 1))


@pytest.mark.parametrize(
    ("harm", "kind", "words"),
    [
        (delete, "deleted", "was deleted in MLflow"),
        (double, "duplicate", "is a second one of it"),
        (invent, "orphaned", "which the study does not have"),
        (leave_running, "wrong", "status is RUNNING and must be FINISHED"),
        (call_failed, "wrong", "status is FAILED and must be FINISHED"),
        (lose, "missing", "MLflow has no run of it"),
        (spoil, "artifacts", "training_loss.csv"),
    ],
)
def test_harm_is_found_named_and_repaired(study, client, harm, kind, words):
    before = answers(study, "small")
    harm(study, client)
    stdout, _ = study.run("doctor", "small", code=1)
    assert words in stdout
    assert "to repair: studyhall doctor small --fix" in stdout
    repaired = study.json("doctor", "small", "--fix")
    assert [found["kind"] for found in repaired["found"]] == [kind]
    assert repaired["healthy"]
    assert repaired["left"] == []
    assert answers(study, "small") == before
    assert repaired["repaired"][0] in the_parent(study).data.tags["studyhall.repairs"]
    assert "MLflow has every trial once" in study.run("doctor", "small")[0]


def test_a_study_run_that_was_left_running_is_found_and_ended(study, client):
    client.update_run(the_parent(study).info.run_id, status="RUNNING")
    assert "the study's own run is RUNNING" in study.run("doctor", "small", code=1)[0]
    study.run("doctor", "small", "--fix")
    assert the_parent(study).info.status == "FINISHED"
    assert study.json("doctor", "small")["found"] == []


def test_a_study_run_that_was_deleted_is_found_and_restored(study, client):
    run_id = the_parent(study).info.run_id
    client.delete_run(run_id)
    found = study.json("doctor", "small", code=1)["found"]
    assert [(one["kind"], one["run_id"]) for one in found] == [("deleted", run_id)]
    study.run("doctor", "small", "--fix")
    assert the_parent(study).info.run_id == run_id
    assert study.json("doctor", "small")["found"] == []


def test_a_launch_repairs_what_it_finds_and_says_so(study, client):
    before = answers(study, "small")
    double(study, client)
    leave_running(study, client)
    _, stderr = study.run("launch", "small.toml", "--jobs", 1, "--trials", 3)
    assert stderr.count("repaired: ") == 2
    assert answers(study, "small") == before
    assert study.json("doctor", "small")["found"] == []


def test_a_study_that_does_not_exist_is_misuse(study):
    _, stderr = study.run("doctor", "smal", code=2)
    assert "did you mean 'small'?" in stderr
