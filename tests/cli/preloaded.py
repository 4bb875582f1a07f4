"""The command line in new processes that need not import it: MLflow alone takes three seconds.

A server, `python -m tests.cli.preloaded DESCRIPTOR`, imports everything once and forks for each
command, which is a process of its own, with a folder, environment, output and exit code of its own;
only the import is shared. Tests that kill a launch start the installed program instead.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
_MESSAGE = 1 << 20
# Imported before the first command; what else a command imports, it imports itself.
_WANTED = (
    "matplotlib.pyplot",
    "mlflow.pyfunc",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking",
    "optuna.importance",
    "optuna.visualization.matplotlib",
    "pandas",
    "plotly.graph_objects",
    "studyhall.search.cli.entry",
    "studyhall.search.evaluation.replay",
    "studyhall.search.reports.report",
    "studyhall.search.runner.launcher",
    "studyhall.search.sync.doctor",
)


class Server:
    """The process that forks for each command; it ends with the process that started it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.preloaded", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> tuple[int, str, str]:
        """Run a command to its end; return its exit code, stdout and stderr."""
        request = json.dumps([list(arguments), str(folder), dict(environment)]).encode()
        assert len(request) < _MESSAGE
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            files = [stdout.fileno(), stderr.fileno()]
            socket.send_fds(self._socket, [request], files)
            answer = self._socket.recv(_MESSAGE)
            assert answer, f"the server of commands ended at {list(arguments)}"
            stdout.seek(0)
            stderr.seek(0)
            return json.loads(answer), stdout.read().decode(), stderr.read().decode()

    def end(self) -> None:
        """End the server."""
        self._socket.close()
        self._process.wait()


def _serve(descriptor: int) -> None:
    """Fork for each command; return in the process that is to become it."""
    with socket.socket(fileno=descriptor) as connection:
        while True:
            request, files, _, _ = socket.recv_fds(connection, _MESSAGE, 2)
            if not request:
                sys.exit()
            process = os.fork()
            if process == 0:
                break
            for file in files:
                os.close(file)
            _, status = os.waitpid(process, 0)
            connection.sendall(json.dumps(os.waitstatus_to_exitcode(status)).encode())
    _become(files, *json.loads(request))


def _become(files: list[int], words: list[str], folder: str, environment: dict[str, str]) -> None:
    """Make of this process the one that a shell would start for a command."""
    os.setpgid(0, 0)
    empty = os.open(os.devnull, os.O_RDONLY)
    for file, own in zip([empty, *files], range(3), strict=True):
        os.dup2(file, own)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(sys.executable).with_name("studyhall")), *words]
    # The processes that joblib starts import the main module again: there is nothing to import.
    sys.modules["__main__"] = ModuleType("__main__")


def main() -> None:
    """Import what is wanted, serve commands, and be one of them."""
    from studyhall.search.tracking.client import prepare_client

    prepare_client()  # as a command does before it imports MLflow
    for name in _WANTED:
        __import__(name)
    sys.path.remove(str(ROOT))  # as it is for the installed program
    gc.freeze()  # the memory stays shared with the commands
    _serve(int(sys.argv[1]))
    from studyhall.search.cli.entry import main as command

    command()


if __name__ == "__main__":
    main()
