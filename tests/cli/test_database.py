"""A study that is kept in PostgreSQL: the same answers, and a database that goes away meanwhile."""

from __future__ import annotations

import time

import pytest

from tests.cli.disturbance import end, start
from tests.cli.record import answers, child_runs
from tests.cli.workspace import SMALL, Workspace

STUDY = SMALL.replace("epochs = 4", "epochs = 60")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, cifar10_cache):
    workspace = Workspace(tmp_path_factory.mktemp("undisturbed"))
    workspace.write(STUDY)
    workspace.run("launch", "small.toml", "--jobs", 2)
    return answers(workspace, "small")


@pytest.fixture
def served(workspace, database) -> Workspace:
    """A folder whose studies are kept in a database of their own."""
    workspace.write(STUDY)
    return Workspace(workspace.folder, {"STUDYHALL_STORAGE": database})


def wait_for_finished(workspace: Workspace, trials: int) -> None:
    deadline = time.monotonic() + 240
    while workspace.json("status", "small")["finished"] < trials:
        assert time.monotonic() < deadline, (workspace.folder / "launch.log").read_text()
        time.sleep(0.2)


def test_a_database_gives_the_same_answers_and_keeps_its_password(served, undisturbed, database):
    stdout, stderr = served.run("launch", "small.toml", "--jobs", 2, "--trials", 3)
    assert "wo%3Ard" not in stdout + stderr
    served.run("launch", "small.toml", "--jobs", 2)
    assert answers(served, "small") == undisturbed
    assert served.json("list")["recorded"]["small"]["finished"] == 8
    assert served.json("doctor", "small")["found"] == []
    assert not (served.folder / "studyhall.journal").exists()
    for run in [*child_runs(served, "small"), *child_runs(served, "small", "study")]:
        assert "wo%3Ard" not in str(run.to_dictionary())


def test_a_study_goes_on_when_its_database_restarts_twice(served, undisturbed, postgres):
    process = start(served, 2)
    try:
        for finished, away_seconds in ((1, 0), (4, 5)):
            while not (served.folder / "launch.log").read_text():
                time.sleep(0.1)  # the tables are there once the first line is
            wait_for_finished(served, finished)
            postgres.stop()
            time.sleep(away_seconds)
            postgres.start()
        assert process.wait(timeout=300) == 0, (served.folder / "launch.log").read_text()
    finally:
        end(process)
    assert answers(served, "small") == undisturbed
    assert "Traceback" not in (served.folder / "launch.log").read_text()


def test_two_launches_share_a_database(served, undisturbed):
    both = [start(served, 1), start(served, 1)]
    try:
        codes = [process.wait(timeout=300) for process in both]
    finally:
        for process in both:
            end(process)
    assert codes == [0, 0], (served.folder / "launch.log").read_text()
    assert answers(served, "small") == undisturbed
    assert [run.info.status for run in child_runs(served, "small", "study")] == ["FINISHED"]
