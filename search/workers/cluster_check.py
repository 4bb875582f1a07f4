"""A look at the Dask cluster that a launch would use."""

from __future__ import annotations

from contextlib import closing

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.service_part import Part, Stopwatch
from studyhall.search.workers.cluster import Cluster
from studyhall.search.workers.cluster_versions import cluster_versions
from studyhall.search.workers.host_services import Services
from studyhall.search.workers.worker_check import require_workers


def check_cluster(address: str, services: Services | None) -> Part:
    """See whether a cluster can do trials, and what of it cannot; nothing is left there.

    Args:
        address: The scheduler's.
        services: What studies are recorded with, if hosts can reach it at all.
    """
    watch, facts = Stopwatch(), dict[str, str | float]()
    try:
        with closing(Cluster(address)) as cluster:
            found = cluster_versions(cluster).scheduler["distributed"]
            facts = {"version": f"Dask {found}", "workers": len(cluster.workers())}
            notes = require_workers(cluster, services)
    except StudyhallError as error:
        lines = (line.removeprefix("--cluster: ") for line in str(error).splitlines())
        return Part("cluster", address, None, facts, tuple(lines))
    noted: dict[str, str | float] = {"note": "; ".join(notes)} if notes else {}
    return Part("cluster", address, watch.milliseconds, {**facts, **noted})
