"""The doctor: what differs between a study and MLflow is found, named, and put right if asked."""

from __future__ import annotations

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from studyhall import Options
from studyhall.search.sync.doctor import examine
from tests.cli.record import answers, child_runs, client_of
from tests.cli.workspace import Workspace
from tests.mlflow_database import files_of


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


@pytest.fixture
def places(study, monkeypatch) -> Options:
    monkeypatch.chdir(study.folder)  # where MLflow puts the files of what is trained again
    return Options(jobs=1, folder=study.folder, tracking_uri=study.tracking_uri)


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
    artifacts = files_of(run_of(study, 2))
    curve = artifacts / "training_loss.csv"
    curve.write_text(curve.read_text().replace("1,", "1,0", 1))


HARMS = {
    "deleted": (delete, "was deleted in MLflow"),
    "duplicate": (double, "is a second run of it"),
    "orphaned": (invent, "which the study does not have"),
    "wrong": (leave_running, "status is RUNNING and must be FINISHED"),
    "wrong too": (call_failed, "status is FAILED and must be FINISHED"),
    "missing": (lose, "MLflow has no run of it"),
    "artifacts": (spoil, "training_loss.csv"),
}


@pytest.mark.parametrize("kind", HARMS)
def test_harm_is_found_named_and_repaired(study, client, places, kind):
    harm, words = HARMS[kind]
    before = answers(study, "small")
    harm(study, client)
    looked_at = examine("small", places)
    assert not looked_at.healthy
    assert any(words in finding.problem for finding in looked_at.found)
    repaired = examine("small", places, fix=True)
    assert [finding.kind for finding in repaired.found] == [kind.removesuffix(" too")]
    assert repaired.healthy
    assert repaired.repairs.left == ()
    assert answers(study, "small") == before
    assert repaired.repairs.done[0] in the_parent(study).data.tags["studyhall.repairs"]
    assert examine("small", places).found == ()


def test_the_command_names_what_it_finds_and_how_to_repair_it(study, client):
    delete(study, client)
    spoil(study, client)
    stdout, _ = study.run("doctor", "small", code=1)
    assert "was deleted in MLflow" in stdout
    assert "training_loss.csv" in stdout
    assert "to repair: studyhall doctor small --fix" in stdout
    repaired = study.json("doctor", "small", "--fix")
    assert sorted(found["kind"] for found in repaired["found"]) == ["artifacts", "deleted"]
    assert repaired["healthy"]
    assert repaired["left"] == []
    assert "OK: all trials of small match MLflow." in study.run("doctor", "small")[0]


def test_a_study_run_that_was_left_running_is_found_and_ended(study, client, places):
    client.update_run(the_parent(study).info.run_id, status="RUNNING")
    (found,) = examine("small", places).found
    assert "the study's own run is RUNNING" in found.problem
    examine("small", places, fix=True)
    assert the_parent(study).info.status == "FINISHED"
    assert examine("small", places).found == ()


def test_a_study_run_that_was_deleted_is_found_and_restored(study, client, places):
    run_id = the_parent(study).info.run_id
    client.delete_run(run_id)
    found = examine("small", places).found
    assert [(one.kind, one.run_id) for one in found] == [("deleted", run_id)]
    examine("small", places, fix=True)
    assert the_parent(study).info.run_id == run_id
    assert examine("small", places).found == ()


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
    assert "Did you mean 'small'?" in stderr
