"""The workers of a cluster, through joblib's own backend for Dask."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from search.cluster import Cluster
from search.workers import LOOK_SECONDS, Order, WorkerDied

Result = TypeVar("Result")
_END = object()


def run_on_cluster(
    cluster: Cluster,
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    at_once: int,
    order: Callable[[], Order],
) -> Generator[Result | WorkerDied]:
    """Call `function(*arguments)` again and again on a cluster, and yield what it returns.

    Dask gives a call whose worker died to another one. After a call that it gives up, and when the
    scheduler was away, all calls are made anew: `function` must find by itself what is to be done.

    Args:
        cluster: The cluster.
        function: A function of a module, which workers import by name.
        arguments: Picklable, and small.
        at_once: How many calls there are at once; what exceeds the workers waits for more of them.
        order: Asked every half second.
    """
    while order() is Order.GO_ON:
        if not cluster.answers:
            cluster.reconnect()
        calls = _Calls(cluster, function, arguments, at_once)
        try:
            yield from calls.results(order)
        finally:
            calls.end()


class _Calls:
    """One call of joblib, in a thread: it blocks, and would for ever without its scheduler."""

    def __init__(
        self,
        cluster: Cluster,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        at_once: int,
    ) -> None:
        self._cluster = cluster
        self._wanted = True
        self._found: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(
            target=self._call, args=(function, arguments, at_once), name="cluster", daemon=True
        ).start()

    def results(self, order: Callable[[], Order]) -> Iterator[Any]:
        """What the calls return, until there are no more or the scheduler is gone."""
        while (now := order()) is not Order.STOP:
            self._wanted = now is Order.GO_ON
            if not self._cluster.answers:
                yield WorkerDied("the cluster's scheduler went away; waiting for it")
                return
            try:
                found = self._found.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if found is _END:
                return
            yield found
            if isinstance(found, WorkerDied):
                return

    def end(self) -> None:
        """Make no more calls."""
        self._wanted = False

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...], most: int) -> None:
        from joblib import Parallel, delayed, parallel_config
        from joblib._dask import DaskDistributedBackend

        class Backend(DaskDistributedBackend):  # type: ignore[misc]
            """Joblib's own, which would make the calls here where there is one worker."""

            def effective_n_jobs(self, n_jobs: int) -> int:
                return max(2, int(super().effective_n_jobs(n_jobs)))

        def calls() -> Iterator[Any]:
            while self._wanted:
                yield delayed(function)(*arguments)

        try:
            with parallel_config(backend=Backend(client=self._cluster.client)):
                parallel = Parallel(
                    batch_size=1, pre_dispatch=most, return_as="generator_unordered"
                )
                for result in parallel(calls()):
                    self._found.put(result)
        except TimeoutError:
            self._found.put(WorkerDied("the cluster has no workers; waiting for some"))
        except Exception as error:  # Dask gives a call up whose workers died again and again
            self._found.put(WorkerDied(f"the cluster gave a call up ({type(error).__name__})"))
        else:
            self._found.put(_END)
