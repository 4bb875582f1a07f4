"""The command line: parse, call, print, exit code. Engines are imported by the commands' work."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from search.errors import StudyhallError, UsageError
from search.study_file import load_study, recorded_name, shipped_studies
from search.study_spec import NAME_PATTERN

_DISK_TROUBLES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)

app = typer.Typer(
    name="studyhall",
    help="Search hyperparameters of small NumPy networks; every trial is recorded in MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data = typer.Typer(help="Fetch and check data sets.", no_args_is_help=True)
app.add_typer(data, name="data")


def _complete_study(incomplete: str) -> list[str]:
    return [name for name in shipped_studies() if name.startswith(incomplete)]


StudyArgument = Annotated[
    str,
    typer.Argument(
        help="A study that ships, or the path of a study file.", autocompletion=_complete_study
    ),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's address; here by default."),
]
StorageOption = Annotated[
    Path | None,
    typer.Option(envvar="STUDYHALL_STORAGE", help="The journal file of studies and trials."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(envvar="STUDYHALL_DATA", help="Folder or archive to take the data from."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options that go before a command; `main` acts on --debug."""


@app.command()
def launch(
    study: StudyArgument,
    trials: Annotated[int | None, typer.Option(help="Trials wanted in total.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds; no trial starts later.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", help="Worker processes.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value in place of the file's.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Run under another name.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Set earlier trials aside, start over.")
    ] = False,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    storage: StorageOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: JsonOption = False,
) -> int:
    """Run a study until it has its trials; run again to resume or, with --trials, to extend."""
    problems = [
        *_at_least_one("--trials", trials),
        *_at_least_one("--jobs", jobs),
        *_above_zero("--timeout", timeout),
        *_proper_name("--name", name),
    ]
    overrides = list(set_ or [])
    overrides += [f"study.trials={trials}"] if trials and not problems else []
    overrides += [f"study.name={name}"] if name and not problems else []
    try:
        spec = load_study(study, overrides)
    except UsageError as error:
        problems += str(error).splitlines()
    if problems:
        raise UsageError("\n".join(problems))
    from search import launcher, terminal
    from search.options import Options

    chosen: dict[str, Any] = {} if jobs is None else {"jobs": jobs}
    options = Options(
        timeout=timeout,
        fresh=fresh,
        data_dir=data_dir,
        tracking_uri=tracking_uri,
        storage=storage,
        **chosen,
    )
    with terminal.observer(quiet=quiet or json) as observer:
        summary = launcher.launch(spec, options, observer)
    terminal.show_launched(summary, study, as_json=json)
    return 130 if summary.interrupted else 0


@app.command("list")
def list_studies(storage: StorageOption = None, json: JsonOption = False) -> None:
    """List the studies that ship and those that were run here."""
    from search import terminal
    from search.recorded import recorded_summaries

    terminal.show_studies(shipped_studies(), recorded_summaries(storage), as_json=json)


@app.command()
def status(study: StudyArgument, storage: StorageOption = None, json: JsonOption = False) -> None:
    """Say how many trials a study has, by state, and which is the best."""
    from search import terminal
    from search.recorded import recorded_summary

    terminal.show_status(recorded_summary(recorded_name(study), storage), as_json=json)


@app.command()
def best(study: StudyArgument, storage: StorageOption = None, json: JsonOption = False) -> None:
    """Print the parameters of a study's best trial."""
    from search import terminal
    from search.recorded import recorded_summary

    summary = recorded_summary(recorded_name(study), storage)
    if summary.best is None:
        raise UsageError(f"{summary.name}: no trial has completed yet; launch it on")
    terminal.show_best(summary, as_json=json)


@app.command()
def evaluate(
    study: StudyArgument,
    data_dir: DataOption = None,
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> None:
    """Reload a study's champion from the registry and judge it on the test split."""
    from search import terminal
    from search.verdict import judge

    with terminal.observer(quiet=json) as observer:
        verdict = judge(recorded_name(study), tracking_uri, data_dir, observer.fetching)
    terminal.show_verdict(verdict, as_json=json)


@app.command()
def predict(
    study: StudyArgument,
    pictures: Annotated[list[Path], typer.Argument(help="Picture files.")],
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> None:
    """Classify pictures with a study's champion."""
    from search import terminal
    from search.predictions import classify

    name = recorded_name(study)
    terminal.show_predictions(classify(name, pictures, tracking_uri), as_json=json)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine alone.")] = 5000,
    tracking_uri: TrackingOption = None,
) -> None:
    """Serve MLflow's UI of the runs recorded here."""
    from search.mlflow_ui import serve

    serve(port, tracking_uri)


@data.command("fetch")
def data_fetch(name: str, data_dir: DataOption = None) -> None:
    """Fetch, verify and decode a data set into the cache."""
    from search import terminal
    from search.datasets import fetch

    with terminal.observer() as observer:
        folder = fetch(name, data_dir=data_dir, progress=observer.fetching)
    typer.echo(f"{name}: verified and ready in {folder}")


@data.command("verify")
def data_verify(name: str, json: JsonOption = False) -> None:
    """Read every byte of a cached data set again and name what is wrong."""
    from search import terminal
    from search.datasets import verify

    found = verify(name)
    terminal.show_verification(found, as_json=json)
    if not found.intact:
        raise StudyhallError("\n".join(found.problems))


def _at_least_one(option: str, value: int | None) -> list[str]:
    return [] if value is None or value >= 1 else [f"{option}: must be at least 1, got {value}"]


def _above_zero(option: str, value: float | None) -> list[str]:
    return [] if value is None or value > 0 else [f"{option}: must be above 0, got {value}"]


def _proper_name(option: str, name: str | None) -> list[str]:
    if name is None or NAME_PATTERN.fullmatch(name):
        return []
    rule = "must be letters, digits, '.', '_' and '-', and begin with a letter or digit"
    return [f"{option}: {rule}, got '{name}'"]


def main() -> None:
    """Run the command line; errors are a sentence on stderr, a traceback only with --debug."""
    from search.interrupts import Terminated

    debug = "--debug" in sys.argv
    try:
        code = app([word for word in sys.argv[1:] if word != "--debug"], standalone_mode=False)
    except OSError as error:
        if debug or error.errno not in _DISK_TROUBLES:
            raise
        place = error.filename or "the disk"
        _complain(f"{place}: {error.strerror}; mend that and launch again: what finished is kept")
        code = 1
    except (StudyhallError, TyperException) as error:
        if debug:
            raise
        _complain(str(error) if isinstance(error, StudyhallError) else error.format_message())
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Terminated as error:
        _complain("stopped at once; launch the study again to resume it")
        code = error.exit_code
    sys.exit(code or 0)


def _complain(message: str) -> None:
    for line in message.splitlines():
        print(f"studyhall: {line}", file=sys.stderr)
