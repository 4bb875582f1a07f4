"""Arguments and options that several commands share, and the rules for their values.

The configuration is imported inside functions, so that `studyhall --help` does without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.common.addresses import STORAGE_FILE, address_of_host, redact
from studyhall.search.common.errors import UsageError

_PASSWORD_PLACES = {
    "--storage": "put the address into STUDYHALL_STORAGE or into a file that "
    f"{STORAGE_FILE} names, or the password into PGPASSWORD or ~/.pgpass",
    "--tracking-uri": "put the address into MLFLOW_TRACKING_URI, or name and password into "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or ~/.mlflow/credentials",
}


def _complete_study(incomplete: str) -> list[str]:
    from studyhall.search.config.study_file import shipped_studies

    return [name for name in shipped_studies() if name.startswith(incomplete)]


def _recorded_name(study: str | None) -> str | None:
    from studyhall.search.config.study_file import recorded_name

    return None if study is None else recorded_name(study)


def _refuse_password(
    context: typer.Context, option: typer.CallbackParam, value: str | None
) -> str | None:
    """Return the address, unless the command line shows its password to all users of the machine.

    Raises:
        UsageError: the address holds a password and comes from the command line.
    """
    source = context.get_parameter_source(str(option.name))
    if value and source and source.name == "COMMANDLINE" and redact(value) != value:
        name = option.opts[0]
        raise UsageError(
            f"{name}: a password on the command line can be read by every user of this machine, "
            f"got '{redact(value)}'; {_PASSWORD_PLACES[name]}"
        )
    return value


def _storage(context: typer.Context, option: typer.CallbackParam, value: str | None) -> str | None:
    return address_of_host() if value is None else _refuse_password(context, option, value)


Study = Annotated[
    str,
    typer.Argument(
        help="Name of a shipped study, or path of a study file.", autocompletion=_complete_study
    ),
]
Recorded = Annotated[
    str,
    typer.Argument(
        help="Name of a recorded study, or path of its study file.",
        autocompletion=_complete_study,
        callback=_recorded_name,
    ),
]
AnyRecorded = Annotated[
    str | None,
    typer.Argument(
        help="Name of a recorded study, or path of its study file; by default all studies.",
        callback=_recorded_name,
    ),
]
Tracking = Annotated[
    str | None,
    typer.Option(
        envvar="MLFLOW_TRACKING_URI",
        callback=_refuse_password,
        help="MLflow's address; by default the working folder.",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="STUDYHALL_STORAGE",
        callback=_storage,
        help="Journal file or PostgreSQL database (postgresql://user@host/name) of the studies.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        envvar="STUDYHALL_CLUSTER",
        help="Run the trials on this Dask cluster, such as tcp://scheduler:8786.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(envvar="STUDYHALL_DATA", help="Take the data from this folder or archive."),
]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", help="Number of worker processes.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a value of the study file: table.key=value."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Set earlier trials aside and start over.")]
Observer = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def require(*problems: str | None) -> None:
    """Refuse options with problems, all of them together.

    Raises:
        UsageError: there is a problem; None stands for an option without one.
    """
    if found := [problem for problem in problems if problem]:
        raise UsageError("\n".join(found))


def at_least_one(option: str, value: int | None) -> str | None:
    """The problem with a number that must be at least 1, if there is one."""
    return None if value is None or value >= 1 else f"{option}: must be at least 1, got {value}"


def above_zero(option: str, value: float | None) -> str | None:
    """The problem with a number that must be above 0, if there is one."""
    return None if value is None or value > 0 else f"{option}: must be above 0, got {value}"


def proper_name(option: str, name: str | None) -> str | None:
    """The problem with the name of a study, if there is one."""
    from studyhall.search.config.study_spec import NAME_PATTERN

    if name is None or NAME_PATTERN.fullmatch(name):
        return None
    rule = "must be letters, digits, '.', '_' and '-', and begin with a letter or digit"
    return f"{option}: {rule}, got '{name}'"
