"""The ledger of the test split: each reading is entered before it happens, and a second says so."""

from __future__ import annotations

import subprocess
import sys

import mlflow.tracking
import pytest

import studyhall.search.common.owner
import studyhall.search.evaluation.verdict
from studyhall import StudyhallError, champion, judge
from studyhall.search.cli.study_view import show_status
from studyhall.search.evaluation.verdict import recorded_ledger
from studyhall.search.tracking.ledger import Ledger, Reading, end_broken_readings
from tests.search.moons import Moons


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Moons:
    moons = Moons(tmp_path_factory.mktemp("judged"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moons.folder)
        moons.launch(study={"trials": 2})
    return moons


@pytest.fixture
def judged(launched, monkeypatch) -> Moons:
    """A study of two trials, whose test split the tests of this file read."""
    monkeypatch.chdir(launched.folder)
    return launched


def ledger(moons: Moons) -> list[Reading]:
    return list(recorded_ledger("moons", moons.storage, moons.tracking_uri).own)


def test_each_reading_is_entered_and_a_later_one_knows_the_earlier(judged, capsys):
    before = ledger(judged)
    first, second = (judge("moons", judged.tracking_uri) for _ in range(2))
    entries = ledger(judged)[len(before) :]
    assert list(second.earlier.own) == [*before, entries[0]]
    assert [one.run_id for one in entries] == [first.run_id, second.run_id]
    for one in entries:
        assert one.model == "moons version 1"
        assert one.accuracy == first.evaluation.accuracy
        assert one.examples == first.evaluation.examples
        assert one.interval == pytest.approx(first.evaluation.interval)
        assert one.fingerprint == champion("moons", judged.tracking_uri).data_fingerprint
        assert "@" in one.who
    show_status(judged.summary(), Ledger(tuple(entries)), as_json=False)
    assert capsys.readouterr().out.count("evaluation of moons version 1\n    accuracy") == 2


def test_a_reading_that_is_killed_or_deleted_stands_in_the_ledger(judged):
    before = ledger(judged)
    killed = (
        "import os, studyhall.search.evaluation.verdict as verdict\n"
        "verdict.evaluate = lambda *arguments: os.kill(os.getpid(), 9)\n"
        f"verdict.judge('moons', '{judged.tracking_uri}')"
    )
    done = subprocess.run([sys.executable, "-c", killed], cwd=judged.folder, capture_output=True)
    assert done.returncode == -9
    entries = ledger(judged)
    assert len(entries) == len(before) + 1
    assert entries[-1].examples is None
    assert entries[-1].incomplete == "broken off"
    for run in judged.runs("evaluation"):
        judged.client.delete_run(run.info.run_id)
    assert ledger(judged) == entries


def test_a_reading_under_way_is_not_broken_off(judged, monkeypatch, capsys):
    def look(*_: object) -> None:
        entries = ledger(judged)
        assert [one.under_way for one in entries[-1:]] == [True]
        show_status(judged.summary(), Ledger(tuple(entries[-1:])), as_json=False)
        raise StudyhallError("that was all")

    monkeypatch.setattr(studyhall.search.evaluation.verdict, "evaluate", look)
    with pytest.raises(StudyhallError, match="that was all"):
        judge("moons", judged.tracking_uri)
    told = "evaluation of moons version 1\n    {}, data"
    assert told.format("under way") in capsys.readouterr().out
    show_status(judged.summary(), Ledger(tuple(ledger(judged)[-1:])), as_json=False)
    assert told.format("broken off") in capsys.readouterr().out


def test_a_reading_that_fails_is_ended_as_failed(judged, monkeypatch):
    def fail(*_: object) -> None:
        raise StudyhallError("the data are gone")

    monkeypatch.setattr(studyhall.search.evaluation.verdict, "evaluate", fail)
    with pytest.raises(StudyhallError, match="the data are gone"):
        judge("moons", judged.tracking_uri)
    run = judged.client.get_run(ledger(judged)[-1].run_id)
    assert run.info.status == "FAILED"


def test_nothing_is_read_where_nothing_can_be_entered(judged, monkeypatch):
    read = []
    monkeypatch.setattr(
        studyhall.search.evaluation.verdict, "evaluate", lambda *_: read.append(True)
    )

    def refuse(*_: object, **__: object) -> None:
        raise mlflow.exceptions.MlflowException("the database is locked")

    monkeypatch.setattr(mlflow.tracking.MlflowClient, "create_run", refuse)
    with pytest.raises(StudyhallError, match="the ledger of the test split"):
        judge("moons", judged.tracking_uri)
    assert not read


def test_a_study_that_starts_over_keeps_the_earlier_readings(judged):
    judge("moons", judged.tracking_uri)
    before = ledger(judged)
    assert before
    judged.launch(study={"trials": 1}, fresh=True)
    assert ledger(judged) == before


def test_a_reading_whose_process_was_killed_does_not_stay_running(judged):
    end_broken_readings(judged.client, judged.runs("study")[0].info.experiment_id)
    assert "RUNNING" not in {run.info.status for run in judged.runs("evaluation")}


def test_a_reader_without_a_name_is_known_by_the_number(judged, monkeypatch):
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(studyhall.search.common.owner.getpass, "getuser", unknown)
    judge("moons", judged.tracking_uri)
    assert ledger(judged)[-1].who.startswith("uid ")
