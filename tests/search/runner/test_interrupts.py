"""What the first Ctrl-C means, what the second one, and what SIGTERM."""

from __future__ import annotations

import signal

import pytest

from studyhall.search.runner.interrupts import Terminated, stop_on_signals


def interrupt_twice(told: list[str]) -> None:
    with stop_on_signals(lambda: told.append("stopping")) as stop:
        stop.patient = True
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        assert told == ["stopping"]
        signal.raise_signal(signal.SIGINT)


def test_the_first_interrupt_asks_to_stop_where_something_is_to_finish_and_the_second_ends_all():
    told = list[str]()
    with pytest.raises(Terminated) as ending:
        interrupt_twice(told)
    assert ending.value.exit_code == 130
    assert told == ["stopping"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_at_once_where_nothing_is_to_finish(number, code):
    told = list[str]()
    with (
        pytest.raises(Terminated) as ending,
        stop_on_signals(lambda: told.append("stopping")),
    ):
        signal.raise_signal(number)
    assert ending.value.exit_code == code
    assert not told


def test_afterwards_signals_mean_what_they_meant_before():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_on_signals(lambda: None):
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
