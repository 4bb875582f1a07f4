"""A call that is left to a cluster for good, and outlives who left it there."""

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


def hand_over(
    cluster: Cluster, function: Callable[..., None], *arguments: object, name: str
) -> None:
    """Leave a call to a cluster for good: it is made though this process ends.

    Args:
        cluster: The cluster.
        function: A function of a module, which steps aside.
        arguments: Picklable, and small.
        name: What the call is named by; the same call is not made twice at a time.

    Raises:
        UsageError: the cluster has a call of that name.
        StudyhallError: the scheduler did not take it.
    """
    key = f"studyhall-launch-{name}"
    if cluster.client.run_on_scheduler(_has, key=key):
        raise UsageError(
            "--detach: the cluster runs a launch of this study already; stop that first with "
            "`studyhall stop`, and wait until it has ended"
        )
    cluster.client.run_on_scheduler(_forget, key=key)
    # An installation that cannot even be called fails at once, and others may do better.
    call = cluster.client.submit(function, *arguments, key=key, pure=False, retries=_RETRIES)
    distributed.fire_and_forget(call)
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

    def failed(self) -> float:
        """Note that it cannot be made here; return for how many seconds it could nowhere.

        That is 0 as long as there is a worker that has not tried it, as one that is at a trial.
        """
        return float(self._client.run_on_scheduler(_failed, **self._of))

    def put_off(self) -> NoReturn:
        """Give it back: another worker is to try, or this one again if there is no other.

        Raises:
            distributed.Reschedule: what Dask takes for that; it must leave the call.
        """
        self._client.run_on_scheduler(_pass_on, **self._of)
        raise distributed.Reschedule

    def step_aside(self) -> None:
        """Let this worker do trials beside the call, which goes on here from now on."""
        self._client.run_on_scheduler(_forget, key=self._of["key"])
        distributed.secede()


@dataclass
class _Trouble:
    """A call that could not be made yet: who has tried, and since when everyone has."""

    tried: set[str] = field(default_factory=set)
    since: float | None = None


def _troubles(scheduler: Any) -> dict[str, _Trouble]:
    """What the scheduler knows of calls that could not be made, by their names."""
    found: dict[str, _Trouble] = scheduler.task_metadata.setdefault("studyhall-put-off", {})
    return found


def _failed(dask_scheduler: Any, key: str, worker: str) -> float:
    trouble = _troubles(dask_scheduler).setdefault(key, _Trouble())
    trouble.tried.add(worker)
    if not set(dask_scheduler.workers) <= trouble.tried:
        trouble.since = None
        return 0.0
    trouble.since = trouble.since or time.monotonic()
    return time.monotonic() - trouble.since


def _forget(dask_scheduler: Any, key: str) -> None:
    _troubles(dask_scheduler).pop(key, None)


def _pass_on(dask_scheduler: Any, key: str, worker: str) -> None:
    """Have the scheduler give a task to workers that have not tried it in this round.

    One that is idle may still steal it from those that are busy: it is bound to them loosely, or
    it would wait for ever for workers that went away.
    """
    task = dask_scheduler.tasks[key]
    untried = (task.worker_restrictions or set(dask_scheduler.workers)) - {worker}
    task.worker_restrictions = (untried & set(dask_scheduler.workers)) or None
    task.loose_restrictions = True
