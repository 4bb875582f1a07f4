"""Whether the workers of a cluster can do a launch's trials, seen before they are given any."""

from __future__ import annotations

import time
from collections.abc import Iterator

from studyhall.search.common.environment import code_difference, environment
from studyhall.search.common.errors import UsageError
from studyhall.search.common.service_part import CLOCK_SECONDS
from studyhall.search.workers.cluster import Cluster, reason
from studyhall.search.workers.cluster_versions import cluster_versions
from studyhall.search.workers.host import HostReport
from studyhall.search.workers.host_services import Reached, Services, look_at_services

_WORKERS_SECONDS = 10.0  # how long a cluster without workers is given
_REACH_SECONDS = 90.0  # a host may have to import MLflow, and to wait for what does not answer


def require_workers(cluster: Cluster, services: Services | None = None) -> list[str]:
    """See that a cluster's workers can do the trials of this code, before they are given any.

    The scheduler is looked at as well: calls go through it.

    Args:
        cluster: The cluster.
        services: What a study is to be recorded with, which each host must reach.

    Returns:
        What the user should know besides. A host that does not reach MLflow is among it: its
        trials count, and their records wait there.

    Raises:
        UsageError: there are none, or not of this code, or Dask is another; every mistake, a line
            each.
    """
    deadline = time.monotonic() + _WORKERS_SECONDS
    while not (threads := cluster.workers()):
        if time.monotonic() >= deadline:
            raise UsageError(
                f"--cluster: the cluster at {cluster.address} has no workers; start some with "
                f"`dask worker {cluster.address} --nthreads 1`"
            )
        time.sleep(0.5)
    before = time.time()
    reports = cluster.reports()
    after = time.time()
    reached = cluster.ask(_REACH_SECONDS, look_at_services, services) if services else {}
    problems, notes = cluster_versions(cluster).problems(cluster.address), set[str]()
    for address, found in sorted(reports.items()):
        named = f"--cluster: worker {address}"
        if not isinstance(found, HostReport):
            problems.append(
                f"{named} cannot run Studyhall ({reason(found)}); install this version there, "
                "with its extra `cluster`"
            )
            continue
        mistakes, noted = _mistakes(found, before, after), list[str]()
        if not mistakes:  # of other code, it may not know what it is asked
            mistakes, noted = _trouble(reached.get(address))
        if (count := threads.get(address, 1)) != 1:
            mistakes.append(
                f"must do one trial at a time, got {count} threads; start it with --nthreads 1"
            )
        problems += [f"{named} on {found.host} {said}" for said in mistakes]
        notes |= {f"{found.host} {said}" for said in (*noted, *_other_kernels(found))}
    if problems:
        raise UsageError("\n".join(problems))
    return sorted(notes)


def _other_kernels(found: HostReport) -> Iterator[str]:
    if found.blas != environment()["machine.blas"]:
        yield (
            f"has other BLAS kernels ({found.blas}) than this machine, so the last bits of results "
            "depend on who did a trial; OPENBLAS_CORETYPE makes them alike"
        )


def _trouble(said: Reached | BaseException | None) -> tuple[list[str], list[str]]:
    """What is wrong with the services as a worker sees them, and what should merely be known."""
    if isinstance(said, BaseException):
        return [f"does not say whether it reaches the database ({reason(said)}); try again"], []
    problems, notes = [], []
    if said and said.database:
        problems.append(
            f"cannot use the database ({said.database}); see to its STUDYHALL_STORAGE, and to the "
            "password in PGPASSWORD or ~/.pgpass there"
        )
    if said and said.mlflow:
        notes.append(
            f"cannot use MLflow ({said.mlflow}), so that its records would wait there; see to its "
            "MLFLOW_TRACKING_URI, and to the user and password"
        )
    return problems, notes


def _mistakes(found: HostReport, before: float, after: float) -> list[str]:
    """What is wrong with a worker, given when it was asked and had answered."""
    mistakes = []
    if different := code_difference(found.code):
        mistakes.append(f"runs other code than this launch ({different}); install the same there")
    ahead = max(0.0, found.clock - after) - max(0.0, before - found.clock)
    if abs(ahead) > CLOCK_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        mistakes.append(
            f"has a clock {abs(ahead):,.0f} s {way} this machine's, so that the times of its runs "
            "would be wrong; set the clocks (NTP)"
        )
    return mistakes
