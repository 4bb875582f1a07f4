"""The arguments and options that several commands take, and the rules of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.common.addresses import STORAGE_FILE, address_of_host, redact
from studyhall.search.common.errors import UsageError
from studyhall.search.config.study_file import shipped_studies
from studyhall.search.config.study_spec import NAME_PATTERN

_ELSEWHERE = {
    "--storage": "put the address into STUDYHALL_STORAGE or into a file that "
    f"{STORAGE_FILE} names, or the password into PGPASSWORD or ~/.pgpass",
    "--tracking-uri": "put the address into MLFLOW_TRACKING_URI, or name and password into "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or ~/.mlflow/credentials",
}


def _complete_study(incomplete: str) -> list[str]:
    return [name for name in shipped_studies() if name.startswith(incomplete)]


def _kept_secret(context: typer.Context, option: typer.CallbackParam, value: str) -> None:
    """Refuse a password where the list of processes shows it to all users of the machine.

    Raises:
        UsageError: there is one, and it came by the command line.
    """
    source = context.get_parameter_source(str(option.name))
    if source is None or source.name != "COMMANDLINE" or redact(value) == value:
        return
    name = option.opts[0]
    raise UsageError(
        f"{name}: must hold no password on the command line, where every user of this machine can "
        f"read it, got '{redact(value)}'; {_ELSEWHERE[name]}"
    )


def _tracking(context: typer.Context, option: typer.CallbackParam, value: str | None) -> str | None:
    if value is not None:
        _kept_secret(context, option, value)
    return value


def _storage(context: typer.Context, option: typer.CallbackParam, value: str | None) -> str | None:
    if value is not None:
        _kept_secret(context, option, value)
        return value
    return address_of_host()


StudyArgument = Annotated[
    str,
    typer.Argument(
        help="A study that ships, or the path of a study file.", autocompletion=_complete_study
    ),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        envvar="MLFLOW_TRACKING_URI",
        callback=_tracking,
        help="MLflow's address; here by default.",
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option(
        envvar="STUDYHALL_STORAGE",
        callback=_storage,
        help="The journal file of studies and trials, or a database: postgresql://user@host/name.",
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        envvar="STUDYHALL_CLUSTER",
        help="A Dask cluster whose workers do the trials: tcp://scheduler:8786.",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(envvar="STUDYHALL_DATA", help="Folder or archive to take the data from."),
]
JobsOption = Annotated[int | None, typer.Option("--jobs", "-j", help="Worker processes.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="table.key=value in place of the file's.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Set earlier trials aside, start over.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def at_least_one(option: str, value: int | None) -> list[str]:
    """The problem with a number that must be at least 1, if there is one."""
    return [] if value is None or value >= 1 else [f"{option}: must be at least 1, got {value}"]


def above_zero(option: str, value: float | None) -> list[str]:
    """The problem with a number that must be above 0, if there is one."""
    return [] if value is None or value > 0 else [f"{option}: must be above 0, got {value}"]


def proper_name(option: str, name: str | None) -> list[str]:
    """The problem with the name of a study, if there is one."""
    if name is None or NAME_PATTERN.fullmatch(name):
        return []
    rule = "must be letters, digits, '.', '_' and '-', and begin with a letter or digit"
    return [f"{option}: {rule}, got '{name}'"]
