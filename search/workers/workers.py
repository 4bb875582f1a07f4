"""Worker processes: the only user of joblib."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from studyhall.search.common.environment import fixed_blas_threads
from studyhall.search.common.intervals import INTERVALS

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor

Result = TypeVar("Result")
_LAST_SECONDS = 5.0  # how long a worker may take to come to its end once all work is done
_KILL_SECONDS = 2.0  # how long the system may take to end what is killed


class Action(Enum):
    """What the workers are to do next: go on, finish what they began, or stop where they are."""

    CONTINUE = 1
    DRAIN = 2
    STOP = 3


@dataclass(frozen=True)
class WorkerDied:
    """In place of a result: the worker was killed, by a user or by the system, for want of memory.

    Another takes its place.
    """

    trouble: str = "a worker process was killed, or the memory ran out"


@dataclass(frozen=True)
class HostUnfit:
    """In place of a result: a host can do no trial, and why; others may."""

    trouble: str


@dataclass(frozen=True)
class Waiting:
    """In place of a result: no worker can be reached, and what for is waited."""

    trouble: str


Ended = str | HostUnfit | Waiting | WorkerDied | None  # how a call to do a trial ended


def run_workers(
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    jobs: int,
    blas_threads: int,
    order: Callable[[], Action],
    on_parent_exit: Callable[[], None] | None = None,
) -> Generator[Result | WorkerDied]:
    """Call `function(*arguments)` again and again on `jobs` workers, and yield what it returns.

    Each worker is a process of its own: one that dies takes no other with it.

    Args:
        function: A function of a module, which workers import by name.
        arguments: Picklable.
        jobs: How many worker processes; one job runs in this process, for debuggers and tests.
        blas_threads: Threads of the matrix products in each worker. They are fixed because the
            order of a sum, and with it the last bits of a result, depends on them.
        order: Asked before each call, and every half second between.
        on_parent_exit: What a worker does before it ends because this process is gone.
    """
    if jobs == 1:
        with fixed_blas_threads(blas_threads):
            while order() is Action.CONTINUE:
                yield function(*arguments)
        return
    slots = [_Slot[Result](blas_threads, on_parent_exit) for _ in range(jobs)]
    try:
        yield from _run_slots(slots, function, arguments, order)
    finally:  # what is to be kept is on disk; one that hangs would not end by itself
        _kill(slots)


def _run_slots(
    slots: list[_Slot[Result]],
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    order: Callable[[], Action],
) -> Iterator[Result | WorkerDied]:
    running: dict[Future[Result], _Slot[Result]] = {}
    idle = list(slots)
    while (now := order()) is not Action.STOP:
        if now is Action.CONTINUE:
            running |= {slot.submit(function, arguments): slot for slot in idle}
            idle = []
        if not running:
            return
        for future in wait(running, INTERVALS.order, FIRST_COMPLETED).done:
            idle.append(slot := running.pop(future))
            yield slot.result(future)
    ended, stuck = wait(running, _LAST_SECONDS)
    for future in ended:
        yield running[future].result(future)
    _kill([running[future] for future in stuck])


def _kill(slots: list[_Slot[Result]]) -> None:
    """End processes at once, and see that they are gone: who looks for them finds none."""
    deadline = time.monotonic() + _KILL_SECONDS
    for ending in [slot.kill() for slot in slots]:
        ending.join(max(0.0, deadline - time.monotonic()))


class _Slot(Generic[Result]):
    """A place for one worker process, which is started anew if it dies."""

    def __init__(self, blas_threads: int, on_parent_exit: Callable[[], None] | None) -> None:
        self._blas_threads = blas_threads
        self._farewell = on_parent_exit
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Future[Result]:
        from joblib.externals.loky import ProcessPoolExecutor

        if self._executor is None:
            threads = str(self._blas_threads)
            self._executor = ProcessPoolExecutor(
                1,
                initializer=_start_worker,
                initargs=(os.getpid(), self._blas_threads, self._farewell),
                env=dict.fromkeys(_THREAD_VARIABLES, threads),
            )
        with _shielded_from_interrupts():
            future: Future[Result] = self._executor.submit(function, *arguments)
        return future

    def result(self, future: Future[Result]) -> Result | WorkerDied:
        """What a future holds; after a death the next submission starts another process."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        try:
            return future.result()
        except BrokenProcessPool:
            self.kill()
            return WorkerDied()

    def kill(self) -> threading.Thread:
        """End the process at once; the thread that is returned ends when it is gone."""
        executor, self._executor = self._executor, None

        def end() -> None:
            if executor is not None:
                executor.shutdown(wait=True, kill_workers=True)

        ending = threading.Thread(target=end, name="ending a worker", daemon=True)
        ending.start()
        return ending


_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def _shielded_from_interrupts() -> Iterator[None]:
    """Let processes that start meanwhile inherit a blocked SIGINT.

    Ctrl-C reaches every process of the terminal's group; it is the parent that decides what it
    means, and a worker that is still starting has no handler yet.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(
    parent: int, blas_threads: int, on_parent_exit: Callable[[], None] | None
) -> None:
    """Prepare a worker process: deaf to Ctrl-C, ended with its parent, BLAS threads fixed."""
    import numpy  # noqa: F401  threadpoolctl limits the libraries that are loaded
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(parent, on_parent_exit), daemon=True).start()
    threadpool_limits(blas_threads, user_api="blas")


def _end_with_parent(
    parent: int, on_parent_exit: Callable[[], None] | None, poll_seconds: float = INTERVALS.parent
) -> None:
    """End this process once `parent` is gone: no one would send what it goes on to record."""
    sleeper = threading.Event()
    while os.getppid() == parent:
        sleeper.wait(poll_seconds)
    if on_parent_exit:
        saying = threading.Thread(target=on_parent_exit, daemon=True)
        saying.start()
        saying.join(_LAST_SECONDS)
    os._exit(1)
