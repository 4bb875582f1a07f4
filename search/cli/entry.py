"""The entry point of the command line: errors become sentences and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType

import typer
from typer.exceptions import TyperException

from studyhall.search.cli.cli import app
from studyhall.search.common.addresses import redact_text
from studyhall.search.common.errors import StudyhallError, remedy


def main() -> None:
    """Run the command line; print errors as sentences on stderr, with a traceback for --debug."""
    from studyhall.search.runner.interrupts import Terminated

    def end(number: int, _: FrameType | None) -> None:
        raise Terminated(number)

    signal.signal(signal.SIGTERM, end)  # The exception closes files and databases in order.
    debug = "--debug" in sys.argv
    try:
        code = app([word for word in sys.argv[1:] if word != "--debug"], standalone_mode=False)
    except OSError as error:
        if debug or (cure := remedy(error)) is None:
            raise
        place = error.filename or "the disk"
        _complain(f"{place}: {error.strerror}; {cure}, then launch again: finished trials are kept")
        code = 1
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
    sys.exit(code or 0)


def _complain(message: str) -> None:
    for line in redact_text(message).splitlines():
        if os.environ.get("STUDYHALL_LOG") == "json":
            from studyhall.search.runner import json_log

            json_log.write("error", "end", line)
        else:
            print(f"studyhall: {line}", file=sys.stderr)
