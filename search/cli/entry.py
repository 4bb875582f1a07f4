"""The command line: it collects the commands, and turns errors into sentences and exit codes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated

import typer
from typer.exceptions import TyperException

from studyhall.search.cli.champion_commands import champions
from studyhall.search.cli.check_commands import checks, data, service
from studyhall.search.cli.record_commands import records
from studyhall.search.cli.report_commands import reports
from studyhall.search.cli.reproduce_command import reproductions
from studyhall.search.cli.study_commands import studies
from studyhall.search.common.addresses import redact_text
from studyhall.search.common.errors import StudyhallError, remedy
from studyhall.search.common.streams import guard_streams, lost_output

UNEXPLAINED = "Studyhall met an error that it does not know"

app = typer.Typer(
    name="studyhall",
    help="Search hyperparameters of small NumPy networks, and record every trial in MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (studies, champions, reports, checks, reproductions, records):
    app.add_typer(group)
app.add_typer(data, name="data")
app.add_typer(service, name="service")


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Accept the options before a command; `main` acts on --debug."""


def main() -> None:
    """Run the command line; print errors as sentences on stderr, with a traceback for --debug."""
    from studyhall.search.runner.interrupts import Terminated

    def end(number: int, _: FrameType | None) -> None:
        raise Terminated(number)

    logging.getLogger("studyhall").addHandler(_Remarks())
    guard_streams()
    signal.signal(signal.SIGTERM, end)  # The exception closes files and databases in order.
    code = run(sys.argv[1:])
    if lost := lost_output():
        _complain(f"stdout: part of the output is lost: {lost.strerror}; write it elsewhere")
        code = code or 1
    sys.exit(code)


def run(words: list[str]) -> int:
    """Run a command; print an error as a sentence, and return the exit code."""
    from studyhall.search.runner.interrupts import Terminated

    debug = "--debug" in words
    code: int | None
    try:
        code = app([word for word in words if word != "--debug"], standalone_mode=False)
    except (StudyhallError, TyperException) as error:
        if debug:
            traceback.print_exc()
        _complain(str(error) if isinstance(error, StudyhallError) else error.format_message())
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Terminated as error:
        _complain("Stopped. Run the same command to resume.")
        code = error.exit_code
    except Exception as error:  # of the disk, or one that nobody thought of
        if debug:
            raise
        _complain(_sentence(error))
        code = 1
    return code or 0


def _sentence(error: Exception) -> str:
    """A sentence for an error that no part of Studyhall has explained."""
    if isinstance(error, OSError) and error.strerror:
        place, cure = error.filename or "the disk", remedy(error)
        then = f"; {cure}, then launch again: finished trials are kept" if cure else ""
        return f"{place}: {error.strerror}{then}"
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"{UNEXPLAINED} ({said}); --debug shows where, please report it"


class _Remarks(logging.Handler):
    """Prints the remarks of parts that know no view, such as that a database was moved."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        _complain(record.getMessage(), remark=True)


def _complain(message: str, *, remark: bool = False) -> None:
    text = redact_text(message).encode(errors="backslashreplace").decode()
    for line in text.splitlines():
        if os.environ.get("STUDYHALL_LOG") == "json":
            from studyhall.search.runner import json_log

            json_log.write("warning" if remark else "error", "note" if remark else "end", line)
        else:
            print(f"studyhall: {line}", file=sys.stderr)
