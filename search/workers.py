"""Worker processes: the only user of joblib."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from search.errors import StudyhallError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class WorkerDiedError(StudyhallError):
    """A worker process was killed, by a user or by the system for want of memory."""


def run_tasks(
    function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]], jobs: int, blas_threads: int
) -> Iterator[Result]:
    """Run `function(*task)` for each task, `jobs` at a time; yield results as they come.

    Args:
        function: A function of a module, which workers import by name.
        tasks: Picklable arguments; drawn one by one, each as a worker becomes free.
        jobs: How many worker processes; one job runs in this process, for debuggers and tests.
        blas_threads: Threads of the matrix products in each worker. They are fixed because the
            order of a sum, and with it the last bits of a result, depends on them.

    Raises:
        WorkerDiedError: a worker process ended without a result.
    """
    if jobs == 1:
        with fixed_blas_threads(blas_threads):
            for task in tasks:
                yield function(*task)
    else:
        yield from _run_in_processes(function, tasks, jobs, blas_threads)


def _run_in_processes(
    function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]], jobs: int, blas_threads: int
) -> Iterator[Result]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with parallel_config(
        "loky",
        inner_max_num_threads=blas_threads,
        initializer=_start_worker,
        initargs=(os.getpid(), blas_threads),
    ):
        parallel = Parallel(
            n_jobs=jobs, return_as="generator_unordered", pre_dispatch=jobs, batch_size=1
        )
        with _shielded_from_interrupts():
            results: Generator[Result] = parallel(delayed(function)(*task) for task in tasks)
        try:
            yield from results
        except TerminatedWorkerError as error:
            raise WorkerDiedError("a worker process was killed, or the memory ran out") from error


def kill_workers() -> None:
    """End all worker processes at once; what they were doing is done again by the next launch."""
    from joblib.externals.loky import get_reusable_executor

    executor = get_reusable_executor(reuse=True, kill_workers=True)
    executor.shutdown(wait=False, kill_workers=True)


@contextmanager
def fixed_blas_threads(threads: int) -> Iterator[None]:
    """Fix the threads of the matrix products in this process."""
    import numpy  # noqa: F401  threadpoolctl limits the libraries that are loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads, user_api="blas"):
        yield


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


def _start_worker(parent: int, blas_threads: int) -> None:
    """Prepare a worker process: deaf to Ctrl-C, ended with its parent, BLAS threads fixed."""
    import numpy  # noqa: F401  threadpoolctl limits the libraries that are loaded
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    threadpool_limits(blas_threads, user_api="blas")


def _end_with_parent(parent: int, poll_seconds: float = 1.0) -> None:
    """End this process once `parent` is gone: an orphan would finish trials that are run again."""
    sleeper = threading.Event()
    while os.getppid() == parent:
        sleeper.wait(poll_seconds)
    os._exit(1)
