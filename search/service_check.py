"""The service looked at, part by part, and all its problems at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from search.crew import require_dask
from search.database_check import check_database
from search.mlflow_check import check_mlflow
from search.options import Options
from search.service_part import Part


def check_service(options: Options | None = None) -> list[Part]:
    """Look at every part that a launch with these options would use; nothing is kept there.

    Raises:
        UsageError: an address is malformed, or Dask is not installed.
    """
    options = options or Options()
    address = options.address
    with ThreadPoolExecutor() as pool:  # a part that is away takes its time
        database = pool.submit(check_database, address)
        parts = [database.result(), *check_mlflow(options.tracking_uri)]
    if options.cluster:
        require_dask()
        from search.cluster_check import check_cluster
        from search.host_services import services_of

        uri = options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
        parts.append(check_cluster(options.cluster, services_of(address, uri)))
    return parts
