"""The workers of a cluster, through joblib's own backend for Dask."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.workers.cluster import PATIENCE_SECONDS, Cluster
from studyhall.search.workers.workers import Action, Waiting, WorkerDied

Result = TypeVar("Result")


def run_on_cluster(
    cluster: Cluster,
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    most: int,
    order: Callable[[], Action],
) -> Generator[Result | WorkerDied | Waiting]:
    """Call `function(*arguments)` again and again on a cluster, and yield what it returns.

    There are as many calls at once as there are workers, also of those that join later: a call that
    waited for one would begin after the order to start no more. Dask gives a call whose worker died
    to another one. After a call that it gives up, and when the scheduler was away, all calls are
    made anew: `function` must find by itself what is to be done.

    Args:
        cluster: The cluster.
        function: A function of a module, which workers import by name.
        arguments: Picklable, and small.
        most: How many calls there are at once at most.
        order: Asked every second.
    """
    calls = _Calls(cluster, function, arguments)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while (now := order()) is not Action.STOP:
            calls.wanted = now is Action.CONTINUE
            if not calls.wanted and not (calls.under_way and cluster.answers):
                return
            if not cluster.answers:
                yield Waiting("the cluster's scheduler is away; waiting for it")
                calls.end()
                cluster.reconnect()
                calls = _Calls(cluster, function, arguments)
            workers = _look(cluster)
            if workers:
                deadline = time.monotonic() + PATIENCE_SECONDS
                if calls.wanted:
                    calls.grow(min(workers, most))
            elif workers == 0:
                if not calls.wanted:
                    return  # what ran has ended with its worker
                yield Waiting("the cluster has no workers; waiting for some")
                if time.monotonic() >= deadline:
                    raise StudyhallError(
                        f"the cluster at {cluster.address} has had no workers for "
                        f"{PATIENCE_SECONDS:.0f} s; launch again when it has: finished trials are "
                        "kept"
                    )
            yield from calls.found()
    finally:
        calls.end()


def _look(cluster: Cluster) -> int | None:
    """How many workers there are; None if the scheduler does not say, which the next look shows."""
    try:
        return cluster.look()
    except StudyhallError:
        return None


class _Calls:
    """Calls of joblib, each in a thread: it blocks, and would for ever without its scheduler.

    Attributes:
        wanted: Whether a call that returned is followed by another.
        under_way: How many there are.
    """

    def __init__(
        self, cluster: Cluster, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self.wanted = True
        self.under_way = 0
        self._cluster, self._function, self._arguments = cluster, function, arguments
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def grow(self, number: int) -> None:
        """Have so many calls under way, if there are fewer."""
        if (more := number - self.under_way) > 0:
            self.under_way += more
            threading.Thread(target=self._call, args=(more,), name="cluster", daemon=True).start()

    def found(self) -> Iterator[Any]:
        """What a call returned, waiting a moment for it."""
        try:
            found = self._results.get(timeout=INTERVALS.cluster)
        except queue.Empty:
            return
        if isinstance(found, _Ended):
            self.under_way -= found.calls
            if found.trouble:
                yield WorkerDied(found.trouble)
        else:
            yield found

    def end(self) -> None:
        """Make no more calls."""
        self.wanted = False

    def _call(self, number: int) -> None:
        from joblib import Parallel, delayed, parallel_config
        from joblib._dask import DaskDistributedBackend

        class Backend(DaskDistributedBackend):  # type: ignore[misc]
            """Joblib's own, which would make the calls here where there is one worker."""

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
            pass  # the workers went away; others are waited for
        except Exception as error:  # Dask gives a call up whose workers died again and again
            trouble = f"the cluster gave a call up ({type(error).__name__})"
        self._results.put(_Ended(number, trouble))


@dataclass(frozen=True)
class _Ended:
    """In place of a result: so many calls are over, and what of, if it was not the order."""

    calls: int
    trouble: str | None
