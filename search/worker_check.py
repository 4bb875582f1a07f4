"""Whether the workers of a cluster can do a launch's trials, seen before they are given any."""

from __future__ import annotations

import time

from search.cluster import Cluster, reason
from search.cluster_versions import cluster_versions
from search.code_version import difference
from search.environment import environment
from search.errors import UsageError
from search.host import HostReport
from search.service_part import CLOCK_SECONDS

_WORKERS_SECONDS = 10.0  # how long a cluster without workers is given


def require_workers(cluster: Cluster) -> list[str]:
    """See that a cluster's workers can do the trials of this code, before they are given any.

    The scheduler is looked at as well: calls go through it.

    Returns:
        What the user should know besides.

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
    problems, notes = cluster_versions(cluster).problems(cluster.address), []
    for address, found in sorted(reports.items()):
        named = f"--cluster: worker {address}"
        if not isinstance(found, HostReport):
            problems.append(
                f"{named} cannot run Studyhall ({reason(found)}); install this version there, "
                "with its extra `cluster`"
            )
            continue
        problems += [f"{named} on {found.host} {said}" for said in _mistakes(found, before, after)]
        if threads.get(address, 1) != 1:
            problems.append(
                f"{named} on {found.host} must do one trial at a time, got "
                f"{threads[address]} threads; start it with --nthreads 1"
            )
        if found.blas != environment()["machine.blas"]:
            notes.append(
                f"{found.host} has other BLAS kernels ({found.blas}) than this machine, so the "
                "last bits of results depend on who did a trial; OPENBLAS_CORETYPE makes them alike"
            )
    if problems:
        raise UsageError("\n".join(problems))
    return sorted(set(notes))


def _mistakes(found: HostReport, before: float, after: float) -> list[str]:
    """What is wrong with a worker, given when it was asked and had answered."""
    mistakes = []
    if different := difference(found.code):
        mistakes.append(f"runs other code than this launch ({different}); install the same there")
    ahead = max(0.0, found.clock - after) - max(0.0, before - found.clock)
    if abs(ahead) > CLOCK_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        mistakes.append(
            f"has a clock {abs(ahead):,.0f} s {way} this machine's, so that the times of its runs "
            "would be wrong; set the clocks (NTP)"
        )
    return mistakes
