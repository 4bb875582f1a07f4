"""Worker processes of this machine, which joblib's loky starts."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from studyhall.search.common.environment import fixed_blas_threads
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.workers.pool import Action, WorkerDied

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor

Result = TypeVar("Result")
_LAST_SECONDS = 5.0  # how long a worker may take to end once all work is done
_KILL_SECONDS = 2.0  # how long the system may take to end a killed process


def run_workers(
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    jobs: int,
    blas_threads: int,
    next_action: Callable[[], Action],
    on_parent_exit: Callable[[], None] | None = None,
) -> Generator[Result | WorkerDied]:
    """Call `function(*arguments)` again and again on `jobs` workers, and yield the results.

    Each worker is a process of its own, so that the death of one does not harm the others.

    Args:
        function: A function of a module, which workers import by name.
        arguments: Picklable.
        jobs: How many worker processes; one job runs in this process, for debuggers and tests.
        blas_threads: Threads of the matrix products in each worker. They are fixed because the
            order of a sum, and with it the last bits of a result, depends on them.
        next_action: Asked before each call, and every half second while calls run.
        on_parent_exit: Called in a worker before it ends because this process is gone.
    """
    if jobs == 1:
        with fixed_blas_threads(blas_threads):
            while next_action() is Action.CONTINUE:
                yield function(*arguments)
        return
    slots = [_Slot[Result](blas_threads, on_parent_exit) for _ in range(jobs)]
    try:
        yield from _run_slots(slots, function, arguments, next_action)
    finally:  # finished trials are on disk by now, and a worker that hangs would not end by itself
        _kill(slots)


def _run_slots(
    slots: list[_Slot[Result]],
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    next_action: Callable[[], Action],
) -> Iterator[Result | WorkerDied]:
    running: dict[Future[Result], _Slot[Result]] = {}
    idle = list(slots)
    while (action := next_action()) is not Action.STOP:
        if action is Action.CONTINUE:
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
    """End processes at once, and wait until the system has removed them."""
    deadline = time.monotonic() + _KILL_SECONDS
    for ending in [slot.kill() for slot in slots]:
        ending.join(max(0.0, deadline - time.monotonic()))


class _Slot(Generic[Result]):
    """One worker process, which is started again after it dies."""

    def __init__(self, blas_threads: int, on_parent_exit: Callable[[], None] | None) -> None:
        self._blas_threads = blas_threads
        self._on_parent_exit = on_parent_exit
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Future[Result]:
        from joblib.externals.loky import ProcessPoolExecutor

        if self._executor is None:
            threads = str(self._blas_threads)
            self._executor = ProcessPoolExecutor(
                1,
                initializer=_start_worker,
                initargs=(os.getpid(), self._blas_threads, self._on_parent_exit),
                env=dict.fromkeys(_THREAD_VARIABLES, threads),
            )
        with _shielded_from_interrupts():
            future: Future[Result] = self._executor.submit(function, *arguments)
        return future

    def result(self, future: Future[Result]) -> Result | WorkerDied:
        """The result of a call; after a death the next submission starts another process."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        try:
            return future.result()
        except BrokenProcessPool:
            self.kill()
            return WorkerDied()

    def kill(self) -> threading.Thread:
        """End the process at once; return a thread that ends when the process is gone."""
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
    """Have processes that start in this block inherit a blocked SIGINT.

    Ctrl-C reaches every process of the terminal's group. The parent alone decides what it means,
    and a worker that is still starting has no handler yet.
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
    """Prepare a worker process: ignore Ctrl-C, end with the parent, fix the BLAS threads."""
    import numpy  # noqa: F401  threadpoolctl limits the libraries that are loaded
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(parent, on_parent_exit), daemon=True).start()
    threadpool_limits(blas_threads, user_api="blas")


def _end_with_parent(
    parent: int, on_parent_exit: Callable[[], None] | None, poll_seconds: float = INTERVALS.parent
) -> None:
    """End this process once `parent` is gone: nothing would upload what it records."""
    sleeper = threading.Event()
    while os.getppid() == parent:
        sleeper.wait(poll_seconds)
    if on_parent_exit:
        leaving = threading.Thread(target=on_parent_exit, daemon=True)
        leaving.start()
        leaving.join(_LAST_SECONDS)
    os._exit(1)
