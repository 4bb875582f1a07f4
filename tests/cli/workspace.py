"""The real command line in a folder of its own, and a small study."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.cli.preloaded import Server

STUDYHALL = str(Path(sys.executable).with_name("studyhall"))
SMALL = """\
[study]
name = "small"
trials = 8
window = 3
sampler = "tpe"
pruner = "hyperband"

[data]
name = "cifar10"
train = 3000
validation = 500
test = 1000

[network]
hidden = ["hidden_size"]

[training]
optimizer = "nesterov"
epochs = 4
batch_size = 100

[search_space]
hidden_size = { type = "int", low = 8, high = 40, log = true }
learning_rate = { type = "float", low = 1e-4, high = 2e-2, log = true }
l2 = { type = "float", low = 1e-5, high = 1e-1, log = true }

[[enqueue]]
hidden_size = 30
learning_rate = 1e-2
l2 = 1e-2
"""


@cache
def _server() -> Server:
    """The process that runs this process's commands."""
    server = Server()
    atexit.register(server.end)
    return server


@dataclass(frozen=True)
class Workspace:
    """A folder that the command line works in."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, text: str = SMALL, name: str = "small.toml") -> Path:
        """Write a study file."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a command: the tests' own, less where they would be tracked."""
        own = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
        return {**own, "COLUMNS": "200", **self.environment}

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        """Start the command line."""
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [STUDYHALL, *map(str, arguments)],
            env=self.settings,
            text=True,
            **{"cwd": self.folder, **piped, **options},
        )

    def run(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        """Run the command line to its end; return stdout and stderr."""
        found, stdout, stderr = self.attempt(*arguments)
        assert found == code, f"{found}\n{stdout}\n{stderr}"
        return stdout, stderr

    def attempt(self, *arguments: object) -> tuple[int, str, str]:
        """Run the command line to its end; return its exit code, stdout and stderr."""
        return _server().run([*map(str, arguments)], self.folder, self.settings)

    def json(self, *arguments: object, code: int = 0) -> Any:
        """Run the command line with --json; return what it printed."""
        return json.loads(self.run(*arguments, "--json", code=code)[0])

    @property
    def tracking_uri(self) -> str:
        """Where MLflow's own defaults put the runs of this folder."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"


def launched_once(
    factory: pytest.TempPathFactory, name: str, text: str, jobs: int = 1
) -> Workspace:
    """A folder in which a study was run to its end; not to be changed.

    All processes of one test run share it: whoever asks first launches.
    """
    root = factory.getbasetemp()
    workspace = Workspace((root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name)
    with FileLock(f"{workspace.folder}.lock"):
        if not (workspace.folder / "done").exists():
            workspace.folder.mkdir(exist_ok=True)
            workspace.write(text)
            workspace.run("launch", "small.toml", "--jobs", jobs)
            (workspace.folder / "done").touch()
    return workspace
