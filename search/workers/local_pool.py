"""The worker pool of one machine: processes that joblib's loky starts, or this process."""

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
from studyhall.search.common.module_path import working_folder_left_out
from studyhall.search.common.options import Options
from studyhall.search.common.streams import open_closed_streams
from studyhall.search.study.job import Job
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.execution import Workplace
from studyhall.search.workers.pool import Action, WorkerPool, WorkResult
from studyhall.search.workers.shutdown import abort_launch

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor

Result = TypeVar("Result")
WORKER_KILLED = "a worker process was killed, or the memory ran out"
_LAST_SECONDS = 5.0  # how long a worker may take to end once all work is done
_KILL_SECONDS = 2.0  # how long the system may take to end a killed process
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_WORKPLACES: list[Workplace] = []  # a worker process has one: a call brings the job alone


def _run_next(job: Job) -> str | None:
    if not _WORKPLACES:
        _WORKPLACES.append(Workplace(job))
    return _WORKPLACES[0].run_next()


class LocalPool(WorkerPool):
    """Workers of this machine, whose records the launch itself sends.

    Args:
        tracked: The study.
        options: How to run it.
    """

    def __init__(self, tracked: TrackedStudy, options: Options) -> None:
        self.size = options.workers
        self._tracked = tracked
        self._blas_threads = options.blas_threads
        self._workplace: Workplace | None = None  # of this process, if there is one job

    def results(self, next_action: Callable[[], Action]) -> Generator[WorkResult]:
        """See `WorkerPool`."""
        run_next = self._run_here if self.size == 1 else _run_next
        job = (self._tracked.job,)
        return run_workers(run_next, job, self.size, self._blas_threads, next_action)

    def _run_here(self, job: Job) -> str | None:
        self._workplace = self._workplace or Workplace(job)
        return self._workplace.run_next()

    def restore(self, number: int) -> None:
        """See `WorkerPool`."""
        self._tracked.restore(number)

    def abort(self, uploader: OutboxUploader) -> bool:
        """See `WorkerPool`; the worker processes have ended by now."""
        return abort_launch(self._tracked, uploader, self._workplace)


def run_workers(
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    jobs: int,
    blas_threads: int,
    next_action: Callable[[], Action],
) -> Generator[Result | str]:
    """Call `function(*arguments)` again and again on `jobs` workers, and yield the results.

    Each worker is a process of its own, so that the death of one does not harm the others: another
    process takes its place, and the result of its call is `WORKER_KILLED`.

    Args:
        function: A function of a module, which workers import by name.
        arguments: Picklable.
        jobs: How many worker processes; one job runs in this process, for debuggers and tests.
        blas_threads: Threads of the matrix products in each worker. They are fixed because the
            order of a sum, and with it the last bits of a result, depends on them.
        next_action: Asked before each call, and every half second while calls run.
    """
    if jobs == 1:
        with fixed_blas_threads(blas_threads):
            while next_action() is Action.CONTINUE:
                yield function(*arguments)
        return
    open_closed_streams()  # joblib flushes them
    slots = [_Slot[Result](blas_threads) for _ in range(jobs)]
    try:
        yield from _run_slots(slots, function, arguments, next_action)
    finally:  # finished trials are on disk by now, and a worker that hangs would not end by itself
        _kill(slots)


def _run_slots(
    slots: list[_Slot[Result]],
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    next_action: Callable[[], Action],
) -> Iterator[Result | str]:
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

    def __init__(self, blas_threads: int) -> None:
        self._blas_threads = blas_threads
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Future[Result]:
        from joblib.externals.loky import ProcessPoolExecutor

        with _shielded_from_interrupts(), working_folder_left_out():
            self._executor = self._executor or ProcessPoolExecutor(
                1,
                initializer=_start_worker,
                initargs=(os.getpid(), self._blas_threads),
                env=dict.fromkeys(_THREAD_VARIABLES, str(self._blas_threads)),
            )
            future: Future[Result] = self._executor.submit(function, *arguments)
        return future

    def result(self, future: Future[Result]) -> Result | str:
        """The result of a call; after a death the next submission starts another process."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        try:
            return future.result()
        except BrokenProcessPool:
            self.kill()
            return WORKER_KILLED

    def kill(self) -> threading.Thread:
        """End the process at once; return a thread that ends when the process is gone."""
        executor, self._executor = self._executor, None

        def end() -> None:
            if executor is not None:
                executor.shutdown(wait=True, kill_workers=True)

        ending = threading.Thread(target=end, name="ending a worker", daemon=True)
        ending.start()
        return ending


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


def _start_worker(parent: int, blas_threads: int) -> None:
    """Prepare a worker process: ignore Ctrl-C, end with the parent, fix the BLAS threads."""
    import numpy  # noqa: F401  threadpoolctl limits the libraries that are loaded
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    threadpool_limits(blas_threads, user_api="blas")


def _end_with_parent(parent: int) -> None:
    """End this process once `parent` is gone: nothing would upload what it records.

    Before, let other workers have the trial that this process has claimed.
    """
    while os.getppid() == parent:
        time.sleep(INTERVALS.parent)
    for workplace in _WORKPLACES:
        leaving = threading.Thread(target=workplace.release, daemon=True)
        leaving.start()
        leaving.join(_LAST_SECONDS)
    os._exit(1)
