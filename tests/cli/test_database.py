"""A study that is kept in PostgreSQL: the same answers, and a database that goes away meanwhile."""

from __future__ import annotations

import time

import pytest

from tests.cli.disturbance import end, start
from tests.cli.record import answers, child_runs
from tests.cli.watching import SLOW, finished
from tests.cli.workspace import Workspace
from tests.waiting import wait_for


@pytest.fixture
def served(workspace, database) -> Workspace:
    """A folder whose studies are kept in a database of their own."""
    workspace.write(SLOW)
    return Workspace(workspace.folder, {"STUDYHALL_STORAGE": database})


def test_a_database_gives_the_same_answers_and_keeps_its_password(served, undisturbed, database):
    stdout, stderr = served.run("launch", "small.toml", "--jobs", 2)
    assert "wo%3Ard" not in stdout + stderr
    assert answers(served, "small") == undisturbed
    assert served.json("list")["recorded"]["small"]["finished"] == 6
    assert served.json("doctor", "small")["found"] == []
    assert not (served.folder / "studyhall.journal").exists()
    for run in [*child_runs(served, "small"), *child_runs(served, "small", "study")]:
        assert "wo%3Ard" not in str(run.to_dictionary())


def test_a_study_goes_on_when_its_database_restarts_twice(served, undisturbed, postgres):
    process = start(served, 2)
    try:
        wait_for((served.folder / "launch.log").read_text)  # the tables are there by then
        for trials, away_seconds in ((1, 0), (2, 5)):
            wait_for(lambda trials=trials: finished(served) >= trials)
            postgres.stop()
            time.sleep(away_seconds)  # it is away for longer than one attempt to reach it
            postgres.start()
        assert process.wait(timeout=300) == 0, (served.folder / "launch.log").read_text()
    finally:
        end(process)
    assert answers(served, "small") == undisturbed
    assert "Traceback" not in (served.folder / "launch.log").read_text()
