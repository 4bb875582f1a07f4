"""The commands that look after the service: PostgreSQL, MLflow's server and its artifact store."""

from __future__ import annotations

import typer

from studyhall.search.cli.arguments import ClusterOption, JsonOption, StorageOption, TrackingOption

service = typer.Typer(
    help="Look after the database, MLflow's server, its artifact store and the cluster."
)


@service.callback()
def _service() -> None:
    """Keep `check` a command of its own while it is the only one."""


@service.command()
def check(
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    cluster: ClusterOption = None,
    json: JsonOption = False,
) -> int:
    """Look at every part that a launch would use, and say all that is wrong; nothing is kept."""
    from studyhall.search.cli import service_view
    from studyhall.search.common.options import Options
    from studyhall.search.runner.service_check import check_service

    parts = check_service(Options(tracking_uri=tracking_uri, storage=storage, cluster=cluster))
    service_view.show_service(parts, as_json=json)
    return 0 if all(part.healthy for part in parts) else 1
