"""A call that is left to a cluster for good, and outlives who left it there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

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


def step_aside() -> None:
    """Let the worker that this is called in do trials beside what its caller goes on with."""
    distributed.secede()
