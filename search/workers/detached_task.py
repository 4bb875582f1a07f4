"""A call that a cluster makes although the process that submitted it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import distributed

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.workers.cluster import Cluster

_RETRIES = 100


def submit_detached(
    cluster: Cluster, function: Callable[..., None], *arguments: object, name: str
) -> None:
    """Submit a call that a cluster makes although this process ends.

    Args:
        cluster: The cluster.
        function: A function of a module, which uses `DetachedTask`.
        arguments: Picklable, and small.
        name: The call's name; a cluster makes one call of a name at a time.

    Raises:
        UsageError: the cluster has a call of that name.
        StudyhallError: the scheduler did not take the call.
    """
    key = f"studyhall-launch-{name}"
    if cluster.client.run_on_scheduler(_has_task, key=key):
        raise UsageError(
            "--detach: the cluster runs a launch of this study already; stop that first with "
            "`studyhall stop`, and wait until it has ended"
        )
    cluster.client.run_on_scheduler(_forget_failures, key=key)
    # On a host where the function cannot even be imported, the call fails at once; others may do
    # better, so Dask has to try again.
    call = cluster.client.submit(function, *arguments, key=key, pure=False, retries=_RETRIES)
    distributed.fire_and_forget(call)
    if not cluster.client.run_on_scheduler(_await_task, key=key):
        raise StudyhallError("the cluster's scheduler did not take the launch; try again")


def _has_task(dask_scheduler: Any, key: str) -> bool:
    return key in dask_scheduler.tasks


async def _await_task(dask_scheduler: Any, key: str) -> bool:
    """Whether a task reaches the scheduler, which may take a moment."""
    for _ in range(100):
        if key in dask_scheduler.tasks:
            return True
        await asyncio.sleep(0.1)
    return False


class DetachedTask:
    """The task that this worker was given, until it is certain that it can be done here."""

    def __init__(self) -> None:
        worker = distributed.get_worker()
        self._task = {"key": worker.get_current_task(), "worker": worker.address}
        self._client = distributed.get_client()

    def count_failure(self) -> float:
        """Record that the task cannot be done here.

        Returns:
            For how many seconds no worker could do it: 0 as long as there is a worker that has not
            tried, such as one that runs a trial.
        """
        return float(self._client.run_on_scheduler(_count_failure, **self._task))

    def reschedule(self) -> NoReturn:
        """Have another worker try the task, or this one again if there is no other.

        Raises:
            distributed.Reschedule: Dask's sign for that; it must leave the called function.
        """
        self._client.run_on_scheduler(_prefer_untried, **self._task)
        raise distributed.Reschedule

    def secede(self) -> None:
        """Do the task here, and let this worker run trials beside it."""
        self._client.run_on_scheduler(_forget_failures, key=self._task["key"])
        distributed.secede()


@dataclass
class _Failures:
    """Which workers failed at a task, and since when every worker has."""

    tried: set[str] = field(default_factory=set)
    since: float | None = None


def _all_failures(scheduler: Any) -> dict[str, _Failures]:
    """What the scheduler keeps of tasks that could not be done, by their names."""
    found: dict[str, _Failures] = scheduler.task_metadata.setdefault("studyhall-failures", {})
    return found


def _count_failure(dask_scheduler: Any, key: str, worker: str) -> float:
    failures = _all_failures(dask_scheduler).setdefault(key, _Failures())
    failures.tried.add(worker)
    if not set(dask_scheduler.workers) <= failures.tried:
        failures.since = None
        return 0.0
    failures.since = failures.since or time.monotonic()
    return time.monotonic() - failures.since


def _forget_failures(dask_scheduler: Any, key: str) -> None:
    _all_failures(dask_scheduler).pop(key, None)


def _prefer_untried(dask_scheduler: Any, key: str, worker: str) -> None:
    """Have the scheduler give a task to workers that have not tried it in this round.

    The restriction is loose: a worker that is idle can still take the task from those that are
    busy, and the task does not wait for ever for workers that went away.
    """
    task = dask_scheduler.tasks[key]
    untried = (task.worker_restrictions or set(dask_scheduler.workers)) - {worker}
    task.worker_restrictions = (untried & set(dask_scheduler.workers)) or None
    task.loose_restrictions = True
