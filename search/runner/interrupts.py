"""Ctrl-C and SIGTERM: the first Ctrl-C lets running trials finish, any other signal does not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """Whether no further trial should be started; set by a signal, read by the launch.

    Attributes:
        requested: The first Ctrl-C was pressed.
        patient: Whether the first Ctrl-C lets running trials finish; set by the launch. Otherwise
            it ends the process at once.
    """

    requested: bool = False
    patient: bool = False


class Terminated(BaseException):
    """The process has to end at once; handlers of ordinary errors do not catch this."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


@contextmanager
def stop_on_signals(on_first_interrupt: Callable[[], None]) -> Iterator[Stop]:
    """Handle SIGINT and SIGTERM while a study runs.

    Args:
        on_first_interrupt: Called at the first Ctrl-C, to report what happens now.

    Yields:
        The switch that the first Ctrl-C sets.

    Raises:
        Terminated: At a second Ctrl-C, at a first one while no trial runs, or at SIGTERM.
    """
    stop = Stop()

    def handle(number: int, _: FrameType | None) -> None:
        if number == signal.SIGTERM or stop.requested or not stop.patient:
            raise Terminated(number)
        stop.requested = True
        on_first_interrupt()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may handle signals: a notebook's kernel has its own way
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_when(condition: Callable[[], bool], seconds: float) -> Iterator[None]:
    """End this process as SIGTERM would, once a condition holds.

    It is for work in the main thread, which cannot check the condition itself; in any other thread
    nothing happens.

    Args:
        condition: Called from another thread; an exception counts as no.
        seconds: Seconds between two calls.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over, main = threading.Event(), threading.get_ident()

    def watch() -> None:
        while not over.wait(seconds):
            with suppress(Exception):
                if condition() and not over.is_set():
                    signal.pthread_kill(main, signal.SIGTERM)
                    return

    thread = threading.Thread(target=watch, name="watching for a stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
