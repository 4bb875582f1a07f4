"""Which worker pool a launch gets: processes of this machine, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.local_pool import LocalPool
from studyhall.search.workers.pool import WorkerPool


def open_pool(tracked: TrackedStudy, options: Options) -> WorkerPool:
    """Open the pool for a launch with these options.

    Raises:
        UsageError: the cluster does not answer.
    """
    if options.cluster is None:
        return LocalPool(tracked, options)
    from studyhall.search.workers.dask_pool import DaskPool

    return DaskPool(tracked, options)


def require_pool(options: Options, notify: Callable[[str], None]) -> None:
    """Check, before any work starts, that the pool for these options can run trials.

    Args:
        options: How the study is to be run.
        notify: Called with each remark that the user should read.

    Raises:
        UsageError: it cannot; every mistake is a line.
    """
    if options.cluster is None:
        return
    require_dask()
    from studyhall.search.workers.cluster_check import require_cluster

    require_cluster(options, notify)


def require_dask() -> None:
    """Check that Dask is installed, which a cluster alone needs.

    Raises:
        UsageError: it is not.
    """
    if find_spec("distributed") is None:
        raise UsageError(
            "--cluster: needs Dask, which is not installed; `pip install 'studyhall[cluster]'`"
        )
