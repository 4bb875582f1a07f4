"""A launch that tells of its progress in JSON: an object a line, and no secret in it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import pytest

from studyhall import UsageError, launch
from studyhall.search.cli import entry
from studyhall.search.runner.views import observer
from studyhall.search.study.trial_result import TrialResult
from tests.search.moons import Moons

NAMES = ["time", "level", "study", "trial", "event", "message", "values"]


@pytest.fixture
def logged(monkeypatch, capsys):
    """What stands on stderr since the last look, as objects."""
    monkeypatch.setenv("STUDYHALL_LOG", "json")

    def read() -> list[dict]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return read


def test_a_launch_writes_an_object_for_its_begin_and_each_trial(tmp_path, logged, capsys):
    moons = Moons(tmp_path)
    began = datetime.now(UTC)
    with observer() as progress:
        launch(moons.spec(trials=2), moons.options(), progress)
    lines = capsys.readouterr().err.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert all(list(event) == NAMES for event in events)
    told = [(event["event"], event["trial"]) for event in events if event["event"] != "fetch"]
    assert told == [("begin", None), ("trial", 0), ("trial", 1)]
    assert all(began <= datetime.fromisoformat(event["time"]) for event in events)
    last = events[-1]
    assert (last["study"], last["level"], last["values"]["state"]) == ("moons", "info", "complete")
    assert set(last["values"]["parameters"]) == {"hidden_size", "learning_rate"}


def test_a_trial_that_was_given_up_has_trained_for_no_seconds(logged):
    with observer() as progress:
        progress.trial(TrialResult(3, "failed", reason="worker died: 2 in a row"))
    [event] = logged()
    assert (event["level"], event["trial"], event["values"]["seconds"]) == ("warning", 3, 0.0)


def test_quiet_keeps_notes_and_a_password_is_left_out(logged):
    with observer(quiet=True) as progress:
        progress.fetching.start("fetching", 10)
        progress.note("postgresql://me:secret@host/db does not answer")
    [event] = logged()
    assert (event["event"], event["level"]) == ("note", "warning")
    assert event["message"] == "postgresql://me:***@host/db does not answer"


def test_an_error_of_the_command_is_an_object_too(logged, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["studyhall", "status", "nothing-of-the-kind"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    [event] = logged()
    assert (event["event"], event["level"]) == ("end", "error")
    assert "nothing-of-the-kind" in event["message"]


def test_another_form_than_json_is_refused(monkeypatch):
    monkeypatch.setenv("STUDYHALL_LOG", "xml")
    with pytest.raises(UsageError, match="STUDYHALL_LOG: must be 'json' or not set, got 'xml'"):
        observer()
