"""A host of a cluster, in this process: what it records as its own, and when it does no trial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from search.code_version import code_version
from search.host import Assignment, close_host, drain_host, work_on_host
from search.launcher import prepare
from search.observer import Quiet
from search.recorded import recorded_summary
from search.workers import HostUnfit
from tests.service.stack import Served


@pytest.fixture
def name(tmp_path) -> str:
    return tmp_path.name.replace("_", "-")


@pytest.fixture
def assignment(served: Served, name, tmp_path, monkeypatch) -> Iterator[Assignment]:
    """What a launch hands to a host, whose home is a folder of this test."""
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STUDYHALL_STORAGE", served.storage)
    monkeypatch.setattr("search.host._PAUSE_SECONDS", 0.0)
    tracked = prepare(served.spec(name=name, trials=2), served.options(), Quiet()).tracked
    study_id = tracked.study.study_id
    code = tuple(code_version().items())
    job = tracked.job.handed_on()
    yield Assignment(job, study_id, tracked.tracker.study_run, 1, code)
    close_host(study_id)


def test_a_run_bears_the_machine_that_trained_it(served, name, assignment, monkeypatch):
    elsewhere = {"machine.cpu": "a processor of its own", "machine.cores": "3"}
    monkeypatch.setattr("search.host.environment", lambda: elsewhere)
    work_on_host(assignment)
    assert drain_host(assignment, 60.0) == []
    experiment = served.client.get_experiment_by_name(name).experiment_id
    [run] = served.client.search_runs([experiment], "tags.`studyhall.kind` = 'trial'")
    assert run.data.tags["studyhall.machine.cpu"] == "a processor of its own"
    assert run.data.tags["studyhall.machine.cores"] == "3"


def test_a_host_of_other_code_does_no_trial_and_says_why(served, name, assignment):
    other = replace(assignment, code=(*assignment.code[1:], ("studyhall", "another")))
    said = work_on_host(other)
    assert isinstance(said, HostUnfit)
    assert "can do no trial: its code is not that of the launch (" in said.trouble
    assert recorded_summary(name, served.storage).finished == 0


def test_a_host_whose_database_is_another_does_no_trial_and_says_why(
    assignment, database, monkeypatch
):
    monkeypatch.setenv("STUDYHALL_STORAGE", database)
    said = work_on_host(assignment)
    assert isinstance(said, HostUnfit)
    assert "can do no trial: " in said.trouble
