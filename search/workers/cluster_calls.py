"""Calls on the workers of a Dask cluster, through joblib's own backend for Dask."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.workers.cluster import PATIENCE_SECONDS, Cluster
from studyhall.search.workers.pool import Action, ClusterUnavailable

Result = TypeVar("Result")


def run_on_cluster(
    cluster: Cluster,
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    most: int,
    next_action: Callable[[], Action],
) -> Generator[Result | str | ClusterUnavailable]:
    """Call `function(*arguments)` again and again on a cluster, and yield the results.

    There are as many calls at once as there are workers, including those that join later: a call
    that had to wait for a worker would begin after the action became DRAIN. When a worker dies,
    Dask gives its call to another. When Dask gives a call up, or the scheduler was away, all calls
    are made again: `function` must find by itself what is to be done.

    Args:
        cluster: The cluster.
        function: A function of a module, which workers import by name.
        arguments: Picklable, and small.
        most: The largest number of calls at once.
        next_action: Asked every second.
    """
    calls = _Calls(cluster, function, arguments)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while (action := next_action()) is not Action.STOP:
            calls.wanted = action is Action.CONTINUE
            if not calls.wanted and not (calls.running and cluster.answers):
                return
            if not cluster.answers:
                yield ClusterUnavailable("the cluster's scheduler is unreachable; waiting for it")
                calls.wanted = False
                cluster.reconnect()
                calls = _Calls(cluster, function, arguments)
            workers = None
            with suppress(StudyhallError):  # an unreachable scheduler, which `answers` shows soon
                workers = cluster.count_workers()
            if workers:
                deadline = time.monotonic() + PATIENCE_SECONDS
                if calls.wanted:
                    calls.grow(min(workers, most))
            elif workers == 0:
                if not calls.wanted:
                    return  # the calls have ended with their workers
                yield ClusterUnavailable("the cluster has no workers; waiting for some")
                if time.monotonic() >= deadline:
                    raise StudyhallError(
                        f"the cluster at {cluster.address} has had no workers for "
                        f"{PATIENCE_SECONDS:.0f} s; launch again when it has: finished trials are "
                        "kept"
                    )
            yield from calls.next_result()
    finally:
        calls.wanted = False


class _Calls:
    """Calls through joblib, in threads: it blocks, for ever if the scheduler goes away.

    Attributes:
        wanted: Whether a call that returned is followed by another.
        running: How many calls there are.
    """

    def __init__(
        self, cluster: Cluster, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self.wanted = True
        self.running = 0
        self._cluster, self._function, self._arguments = cluster, function, arguments
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def grow(self, number: int) -> None:
        """Have this many calls at once, if there are fewer."""
        if (more := number - self.running) > 0:
            self.running += more
            threading.Thread(target=self._call, args=(more,), name="cluster", daemon=True).start()

    def next_result(self) -> Iterator[Any]:
        """The next result of a call, if there is one within a moment."""
        try:
            result = self._results.get(timeout=INTERVALS.cluster)
        except queue.Empty:
            return
        if isinstance(result, _CallsEnded):
            self.running -= result.number
            if result.trouble:
                yield result.trouble
        else:
            yield result

    def _call(self, number: int) -> None:
        from joblib import Parallel, delayed, parallel_config
        from joblib._dask import DaskDistributedBackend

        class Backend(DaskDistributedBackend):  # type: ignore[misc]
            """Joblib's own would make the calls in this process where there is one worker."""

            def effective_n_jobs(self, n_jobs: int) -> int:
                return max(2, int(super().effective_n_jobs(n_jobs)))

        def calls() -> Iterator[Any]:
            while self.wanted:
                yield delayed(self._function)(*self._arguments)

        trouble = None
        try:
            with parallel_config(backend=Backend(client=self._cluster.client)):
                parallel = Parallel(
                    batch_size=1, pre_dispatch=number, return_as="generator_unordered"
                )
                for result in parallel(calls()):
                    self._results.put(result)
        except TimeoutError:
            pass  # the workers are gone; the launch waits for others
        except Exception as error:  # Dask gives a call up whose workers died again and again
            trouble = f"the cluster gave a call up ({type(error).__name__})"
        self._results.put(_CallsEnded(number, trouble))


class _CallsEnded(NamedTuple):
    """In place of a result: so many calls have ended, and which error ended them, if one did."""

    number: int
    trouble: str | None
