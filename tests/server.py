"""A real MLflow server on a port of its own, that a test can kill and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.postgres import free_port
from tests.waiting import wait_for


@dataclass(eq=False)
class Server:
    """An MLflow server on a port of its own.

    Attributes:
        folder: Where it works, and keeps its log.
        backend: The address of its database; by default SQLite in `folder`.
        artifacts: Where it keeps files, such as `s3://bucket`; by default in `folder`.
        options: Further options of `mlflow server`.
        environment: What is set for it beyond this process's own environment.
    """

    folder: Path
    backend: str | None = None
    artifacts: str | None = None
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    @property
    def settings(self) -> dict[str, str]:
        """Its whole environment."""
        quick = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return {**os.environ, **quick, **self.environment}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        options += ["--backend-store-uri", self.backend] if self.backend else []
        options += ["--artifacts-destination", self.artifacts] if self.artifacts else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *options, *self.options],
                cwd=self.folder,
                env=self.settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._answers, pause=0.2)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError):
            urllib.request.urlopen(f"{self.address}/health", timeout=5).close()
            return True
        return False

    @property
    def log(self) -> Path:
        """What it and its workers say."""
        return self.folder / "server.log"

    def stop(self) -> None:
        """Stop it in order."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()

    def kill(self) -> None:
        """End it and its workers as a power cut would."""
        with suppress(ProcessLookupError):  # a test has killed it already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Stop it and start it again, with what its attributes now say."""
        self.stop()
        self.start()
