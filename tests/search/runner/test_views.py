"""The live view on a terminal of 80 columns, and the plain one everywhere else."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace

import pytest
from rich.console import Console

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.runner.tally import trial_line
from studyhall.search.runner.views import LiveView, PlainView, observer
from studyhall.search.study.summary import StudySummary
from studyhall.search.study.trial_result import TrialResult

SPEC = StudySpec.model_validate(
    {
        "study": {"name": "a_study_with_quite_a_long_name.finalists", "trials": 1000},
        "data": {"name": "cifar10", "train": 100, "validation": 50},
        "network": {"hidden": ["hidden_size"]},
        "training": {"epochs": 3},
        "search_space": {
            "hidden_size": {"type": "int", "low": 2, "high": 64},
            "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1},
            "learning_rate_decay": {"type": "float", "low": 0.5, "high": 1.0},
            "l2": {"type": "float", "low": 1e-6, "high": 1e-1},
        },
    }
)
SUMMARY = StudySummary(
    name=SPEC.study.name,
    metric="validation_accuracy",
    wanted=1000,
    complete=998,
    pruned=0,
    failed=0,
    unfinished=0,
    seconds=1.0,
    best=None,
)
OUTCOME = TrialResult(
    number=998,
    state="complete",
    value=0.5636,
    parameters={
        "hidden_size": 64,
        "learning_rate": 0.0123456,
        "learning_rate_decay": 0.912345,
        "l2": 1.234567e-5,
    },
    reason=None,
    seconds=123.4,
)
FAILED = TrialResult(
    999, "failed", None, {}, "the loss must stay finite, got inf in iteration 919" * 3, 1
)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def drawn(width: int, *outcomes: TrialResult) -> list[str]:
    """The lines of the last picture that the live view draws."""
    text = io.StringIO()
    console = Console(file=text, width=width, height=24, force_terminal=True)
    view = LiveView(console)
    view.begin(SPEC, SUMMARY, 2)
    for outcome in outcomes:
        view.trial(outcome)
    view.running(2)
    console.print(view._render())
    return ESCAPES.sub("", text.getvalue()).splitlines()


@pytest.mark.parametrize("width", [66, 80, 120])
def test_every_line_fits_the_terminal_and_nothing_that_matters_is_cut(width):
    lines = drawn(width, OUTCOME, FAILED)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "1000/1000" in text
    assert "999 complete, 0 pruned, 1 failed, 2 running best 0.5636 (trial 998)" in text
    for value in ("hidden_size 64", "learning_rate 0.01235", "learning_rate_decay 0.9123"):
        assert value in text
    assert "l2 1.235e-05" in text
    assert "latest: trial 999 failed in 1.0 s" in text


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("minutes", [0.1, 1, 7])
def test_the_time_left_is_told_however_long_trials_take(minutes):
    clock, text = Clock(), io.StringIO()
    console = Console(file=text, width=80, height=24, force_terminal=True)
    view = LiveView(console, clock)
    view.begin(SPEC, replace(SUMMARY, wanted=20, complete=5), 2)

    def left() -> str:
        text.seek(0)
        text.truncate()
        console.print(view._render())
        return ESCAPES.sub("", text.getvalue()).splitlines()[0].rpartition("left ")[2].strip()

    def time(count: float) -> str:
        seconds = round(count * minutes * 60)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    assert left() == "-:--:--"
    clock.now = minutes * 60
    view.trial(OUTCOME)
    assert left() == "-:--:--"  # two began together: the other's time is not spent for nothing
    view.trial(OUTCOME)
    assert left() == time(6.5)  # 13 trials on two workers
    clock.now += minutes * 30
    assert left() == time(6)
    clock.now += minutes * 30
    view.trial(OUTCOME)
    view.trial(OUTCOME)
    assert left() == time(5.5)
    for _ in range(11):
        view.trial(OUTCOME)
    assert left() == "0:00:00"


def test_a_trial_that_was_given_up_has_no_seconds():
    line = trial_line(TrialResult(3, "failed", reason="worker died: 2 in a row"))
    assert line == "trial 3 failed (worker died: 2 in a row)"


def test_a_long_reason_takes_one_line():
    assert len(drawn(80, OUTCOME, FAILED)) == len(drawn(80, OUTCOME, OUTCOME))


def test_lines_of_a_log_are_short_and_without_colour():
    text = io.StringIO()
    view = PlainView(Console(file=text, width=80))
    view.begin(SPEC, SUMMARY, 2)
    view.trial(OUTCOME)
    start, line = text.getvalue().splitlines()
    assert start == f"{SPEC.study.name}: 1000 trials on 2 workers, 998 done before"
    assert line == "[999/1000]  trial 998 complete 0.5636 in 123.4 s  best 0.5636 (trial 998)"


@pytest.fixture
def surroundings(monkeypatch):
    """What sets variables, of which none that Rich heeds is left from elsewhere."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM", "TTY_COMPATIBLE", "CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    return lambda environment: [monkeypatch.setenv(*pair) for pair in environment.items()]


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "xterm"},
        {"FORCE_COLOR": "1", "TERM": "xterm"},
        {"CI": "true", "FORCE_COLOR": "1", "GITHUB_ACTIONS": "true", "TERM": "xterm"},
        {"TTY_COMPATIBLE": "1", "TERM": "xterm"},
    ],
)
def test_a_log_gets_lines_whatever_colours_are_forced(surroundings, environment):
    surroundings(environment)
    assert isinstance(observer(), PlainView)


@pytest.mark.parametrize(
    ("environment", "live"),
    [
        ({"TERM": "xterm"}, True),
        ({"NO_COLOR": "1", "TERM": "xterm"}, True),
        ({"FORCE_COLOR": "1", "TERM": "xterm"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False),
    ],
)
def test_a_terminal_that_can_be_drawn_on_gets_the_live_view(
    surroundings, monkeypatch, environment, live
):
    surroundings(environment)
    ours, theirs = os.openpty()
    try:
        with os.fdopen(theirs, "w") as terminal:
            monkeypatch.setattr("sys.stderr", terminal)
            assert isinstance(observer(), LiveView) is live
            assert isinstance(observer(quiet=True), PlainView)
    finally:
        os.close(ours)


def test_no_colour_means_none_on_a_terminal(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True)
    view = LiveView(console)
    view.begin(SPEC, SUMMARY, 2)
    view.trial(OUTCOME)
    console.print(view._render())
    assert not re.search(r"\x1b\[(3|4|9)[0-9]", text.getvalue())
