"""A call that is left to a cluster for good, and outlives who left it there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NoReturn

import distributed

from search.cluster import Cluster
from search.errors import StudyhallError, UsageError


def hand_over(
    cluster: Cluster, function: Callable[..., None], *arguments: object, name: str
) -> None:
    """Leave a call to a cluster for good: it is made though this process ends.

    Args:
        cluster: The cluster.
        function: A function of a module, which steps aside.
        arguments: Picklable, and small.
        name: What the call is named by; the same call is not made twice at a time.
    """
    key = f"studyhall-launch-{name}"
    if cluster.client.run_on_scheduler(_has, key=key):
        raise UsageError(
            "--detach: the cluster runs a launch of this study already; stop that first with "
            "`studyhall stop`, and wait until it has ended"
        )
    distributed.fire_and_forget(cluster.client.submit(function, *arguments, key=key, pure=False))
    if not cluster.client.run_on_scheduler(_knows, key=key):
        raise StudyhallError("the cluster's scheduler did not take the launch; try again")


def _has(dask_scheduler: Any, key: str) -> bool:
    """Whether the scheduler has a task of that name."""
    return key in dask_scheduler.tasks


async def _knows(dask_scheduler: Any, key: str) -> bool:
    """Whether a task has come to the scheduler, which may take a moment."""
    for _ in range(100):
        if key in dask_scheduler.tasks:
            return True
        await asyncio.sleep(0.1)
    return False


class Call:
    """The call that this worker was given, while it is not certain that it can be made here."""

    def __init__(self) -> None:
        worker = distributed.get_worker()
        self._of = {"key": worker.get_current_task(), "worker": worker.address}
        self._client = distributed.get_client()

    def waits(self) -> float:
        """For how many seconds no worker could make it; the first time that it is asked, 0."""
        return float(self._client.run_on_scheduler(_waits, **self._of))

    def put_off(self) -> NoReturn:
        """Give it back: another worker is to try, or this one again if the others have."""
        self._client.run_on_scheduler(_pass_on, **self._of)
        raise distributed.Reschedule

    def step_aside(self) -> None:
        """Let this worker do trials beside the call, which goes on here from now on."""
        self._client.run_on_scheduler(_forget, **self._of)
        distributed.secede()


def _since(scheduler: Any) -> dict[str, float]:
    """Since when each call could not be made, by the scheduler's clock."""
    found: dict[str, float] = scheduler.task_metadata.setdefault("studyhall-put-off", {})
    return found


def _waits(dask_scheduler: Any, key: str, worker: str) -> float:
    now = time.monotonic()
    return now - _since(dask_scheduler).setdefault(key, now)


def _forget(dask_scheduler: Any, key: str, worker: str) -> None:
    _since(dask_scheduler).pop(key, None)


def _pass_on(dask_scheduler: Any, key: str, worker: str) -> None:
    """Have the scheduler give a task to workers that have not tried it in this round."""
    task = dask_scheduler.tasks[key]
    untried = (task.worker_restrictions or set(dask_scheduler.workers)) - {worker}
    task.worker_restrictions = (untried & set(dask_scheduler.workers)) or None
    task.loose_restrictions = True  # others may do it if these go away
