"""A temporary folder in which a benchmark runs the real command, and what MLflow recorded there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.run_tags import FINALIST

if TYPE_CHECKING:
    from mlflow.entities import Run  # takes a second, and must not precede open_client

STUDYHALL = str(Path(sys.executable).with_name("studyhall"))
# What would take a study's records elsewhere; CIFAR-10 still comes from the ordinary cache.
_ELSEWHERE = ("MLFLOW_", "STUDYHALL_STORAGE")


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what would take a study's records elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_ELSEWHERE)}
    return {**kept, **changes}


@dataclass(frozen=True)
class StudyFolder:
    """A folder that the command line works in."""

    folder: Path

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start the command; its progress stays on stderr, its results are captured."""
        return subprocess.Popen(
            [STUDYHALL, *map(str, arguments)],
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> str:
        """Run the command to its end; return what it printed.

        Raises:
            SystemExit: the command failed; its own message is on stderr.
        """
        process = self.start(*arguments)
        printed, _ = process.communicate()
        if process.returncode:
            sys.exit(f"studyhall {' '.join(map(str, arguments))}: exit code {process.returncode}")
        return printed

    def seconds(self, *arguments: object) -> float:
        """Run the command to its end; return how long it took, start of the process included."""
        start = perf_counter()
        self.run(*arguments)
        return perf_counter() - start

    def answer(self, *arguments: object) -> dict[str, Any]:
        """Run the command with --json; return what it printed."""
        answer: dict[str, Any] = json.loads(self.run(*arguments, "--json"))
        return answer

    def runs(self, study: str, kind: str = "trial") -> list[Run]:
        """Return a study's runs in MLflow, but for its finalists', the earliest first.

        Args:
            study: the study's name.
            kind: "trial", "study" or "evaluation".
        """
        client = open_client(f"sqlite:///{self.folder / 'mlflow.db'}")
        experiment = client.get_experiment_by_name(study)
        wanted = f"tags.`studyhall.kind` = '{kind}'"
        order = ["attributes.start_time ASC"]
        found = client.search_runs([experiment.experiment_id], wanted, order_by=order)
        return [run for run in found if FINALIST not in run.data.tags]


@contextmanager
def study_folder() -> Iterator[StudyFolder]:
    """Give a new folder, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="studyhall-benchmark-") as folder:
        yield StudyFolder(Path(folder))
