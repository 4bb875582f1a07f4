"""A host of a cluster, in this process: what it records as its own, and when it does no trial."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from studyhall.search.common.environment import code_version
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.runner.launcher import prepare
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import recorded_summary
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.sync_studies import sync_studies
from studyhall.search.workers.host import Host
from studyhall.search.workers.host_session import Assignment
from studyhall.search.workers.pool import UnusableHost
from tests.postgres import free_port
from tests.search.data.own_sets import array_file, arrays
from tests.search.small_trials import store_trial
from tests.search.sync.test_outbox_homes import make_anothers
from tests.service.on_cluster import AnHourAhead, long
from tests.service.stack import Served
from tests.waiting import PATIENCE, wait_for


@pytest.fixture
def name(tmp_path) -> str:
    return tmp_path.name.replace("_", "-")


@pytest.fixture
def host() -> Host:
    """A worker's process."""
    return Host()


@pytest.fixture
def assignment(served: Served, host, name, tmp_path, monkeypatch) -> Iterator[Assignment]:
    """What a launch hands to a host, whose home is a folder of this test."""
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STUDYHALL_STORAGE", served.storage)
    monkeypatch.setattr("studyhall.search.workers.host.INTERVALS", replace(INTERVALS, unfit=0.0))
    assignment = assigned(long(served, name=name), served)
    yield assignment
    host.close(assignment.study_id, "another launch")


def assigned(spec: StudySpec, served: Served) -> Assignment:
    tracked = prepare(spec, served.options(), Observer()).tracked
    code, job = tuple(code_version().items()), tracked.job.handed_on()
    run = tracked.tracker.study_run
    return Assignment(job, tracked.study.study_id, run, 1, code, uuid.uuid4().hex)


def test_a_run_bears_the_machine_that_trained_it(host, served, name, assignment, monkeypatch):
    elsewhere = {"machine.cpu": "a processor of its own", "machine.cores": "3"}
    monkeypatch.setattr("studyhall.search.workers.host_session.environment", lambda: elsewhere)
    host.work(assignment)
    assert host.drain(assignment, 60.0) == []
    experiment = served.client.get_experiment_by_name(name).experiment_id
    [run] = served.client.search_runs([experiment], "tags.`studyhall.kind` = 'trial'")
    assert run.data.tags["studyhall.machine.cpu"] == "a processor of its own"
    assert run.data.tags["studyhall.machine.cores"] == "3"


def test_a_host_of_other_code_does_no_trial_and_says_why(host, served, name, assignment):
    other = replace(assignment, code=(*assignment.code[1:], ("studyhall", "another")))
    said = host.work(other)
    assert isinstance(said, UnusableHost)
    assert "cannot run trials: its code is not that of the launch (" in said.trouble
    assert recorded_summary(name, served.storage).finished == 0


def test_a_host_whose_database_is_another_does_no_trial_and_says_why(
    host, assignment, name, database, monkeypatch
):
    monkeypatch.setenv("STUDYHALL_STORAGE", database)
    said = host.work(assignment)
    assert isinstance(said, UnusableHost)
    assert f"does not have the launch's study {name}; set STUDYHALL_STORAGE" in said.trouble


def test_a_host_whose_clock_is_wrong_does_no_trial_and_says_why(host, assignment, monkeypatch):
    monkeypatch.setattr("studyhall.search.study.storage.datetime", AnHourAhead)
    said = host.work(assignment)
    assert isinstance(said, UnusableHost)
    assert "its clock is 3600 s behind this machine's" in said.trouble


@pytest.mark.parametrize("named", [False, True])
def test_own_data_may_lie_elsewhere_on_a_host_and_must_be_those_of_the_launch(
    host, served, name, tmp_path, monkeypatch, named
):
    monkeypatch.setenv("STUDYHALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STUDYHALL_STORAGE", served.storage)
    monkeypatch.setattr("studyhall.search.workers.host.INTERVALS", replace(INTERVALS, unfit=0.0))
    file, copy = array_file(tmp_path / "pets.npz"), tmp_path / "copy.npz"
    shutil.copy(file, copy)
    data = {"name": "pets", "path": str(file)}
    spec = long(served, name=name, trials=2).model_copy(update={"data": data})
    assignment = assigned(spec, served)
    try:
        if named:
            file.unlink()
            monkeypatch.setenv("STUDYHALL_DATA", str(copy))
        assert host.work(assignment) is None  # on host A
        assert recorded_summary(name, served.storage).finished == 1
        host.close(assignment.study_id, "another launch")  # and on host B
        place = copy if named else file
        array_file(place, arrays(seed=1))
        said = host.work(assignment)
    finally:
        host.close(assignment.study_id, "another launch")
    assert isinstance(said, UnusableHost)
    told = f"STUDYHALL_DATA={place}" if named else f"data.path {place}"
    assert f"pets: the data of this host ({told}) differ from those of the launch (" in said.trouble
    assert recorded_summary(name, served.storage).finished == 1


def test_what_a_host_could_not_send_is_sent_there_by_hand(
    host, served, name, assignment, tmp_path, monkeypatch
):
    """Its worker's home is a numbered folder, as those of a compose file's are."""
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home" / "1"))
    away = replace(assignment.study_run, uri=f"http://127.0.0.1:{free_port()}")
    host.work(replace(assignment, study_run=away))
    host.close(assignment.study_id, assignment.launch)
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    [sent] = sync_studies(None, served.options())
    assert (sent.study, sent.sent, sent.unsent) == (name, 1, ())
    experiment = served.client.get_experiment_by_name(name).experiment_id
    [run] = served.client.search_runs([experiment], "tags.`studyhall.kind` = 'trial'")
    assert run.info.status == "FINISHED"


def test_what_a_host_s_launch_is_sending_is_left_to_it(served, name, assignment, tmp_path):
    outbox = Outbox(tmp_path / "home" / assignment.study_id)
    outbox.folder.mkdir(parents=True)
    with outbox.upload_lock():
        store_trial(outbox, 0)
        [sent] = sync_studies(name, served.options(), patience_seconds=1.0)
    assert [one.reason for one in sent.unsent] == ["another launch is uploading them"]


def test_a_host_whose_home_is_another_users_does_no_trial_and_says_why(
    host, assignment, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    home.mkdir()
    make_anothers(home, monkeypatch)
    said = host.work(assignment)
    assert isinstance(said, UnusableHost)
    assert "STUDYHALL_HOME: must be a folder of your own, or one that is not" in said.trouble
    assert not list(home.iterdir())


def test_a_worker_with_two_threads_does_one_trial_at_a_time(host, served, name, assignment):
    """A second claim of the same process would take over what the first is at."""
    threads = [threading.Thread(target=host.work, args=(assignment,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    study = recorded_study(read_storage(served.storage), name)
    assert [s.attempt for s in study.results() if s.finished] == [1, 1]


def test_no_trial_is_begun_for_a_launch_that_is_over(host, served, name, assignment):
    host.finish(assignment.launch)
    assert host.work(assignment) is None
    assert recorded_summary(name, served.storage).at_work == {}
    assert recorded_summary(name, served.storage).finished == 0


def test_who_ends_at_once_has_its_own_trial_given_up(host, served, name, assignment):
    spec = assignment.job.spec
    endless = spec.model_copy(update={"training": spec.training | {"epochs": 10**6}})
    endlessly = replace(assignment, job=replace(assignment.job, spec=endless))
    with at_work(host, endlessly, served, name):
        host.abort(assignment.study_id, assignment.launch)
    assert recorded_summary(name, served.storage).finished == 0


def test_who_ends_at_once_leaves_the_trials_of_other_launches_alone(host, served, name, assignment):
    with at_work(host, assignment, served, name):
        host.abort(assignment.study_id, "another launch")
        assert recorded_summary(name, served.storage).at_work
    assert recorded_summary(name, served.storage).finished == 1


@contextmanager
def at_work(host: Host, assignment: Assignment, served: Served, name: str) -> Iterator[None]:
    """While a host is at a trial, which has ended afterwards."""
    said: list[object] = []
    working = threading.Thread(target=lambda: said.append(host.work(assignment)), daemon=True)
    study = recorded_study(read_storage(served.storage), name)
    working.start()
    try:
        wait_for(lambda: said or study.at_work())
        assert not said
        yield
    except BaseException:  # no endless trial is to hold up the tests that follow
        host.abort(assignment.study_id, assignment.launch)
        raise
    finally:
        working.join(PATIENCE)
    assert said == [None]
    assert not study.at_work()
