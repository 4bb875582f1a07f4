"""The service looked at, part by part, and all its problems at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from studyhall.search.common.options import Options
from studyhall.search.common.service_part import Part
from studyhall.search.study.database_check import check_database
from studyhall.search.tracking.mlflow_check import check_mlflow
from studyhall.search.workers.pool import require_dask


def check_service(options: Options | None = None) -> list[Part]:
    """Look at every part that a launch with these options would use; nothing is kept there.

    Raises:
        UsageError: an address is malformed, or Dask is not installed.
    """
    options = options or Options()
    address = options.address
    with ThreadPoolExecutor() as pool:  # an unreachable part takes its time
        database = pool.submit(check_database, address)
        parts = [database.result(), *check_mlflow(options.tracking_uri)]
    if options.cluster:
        require_dask()
        from studyhall.search.workers.cluster_check import check_cluster

        parts.append(check_cluster(options))
    return parts
