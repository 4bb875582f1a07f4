"""A folder whose records in MLflow a test may spoil, and ways to do that."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from studyhall import StudyhallError, replay_runs
from studyhall.search.evaluation.replay import Replay
from studyhall.search.tracking.client import open_client
from tests.cli.record import child_runs, client_of
from tests.cli.workspace import SMALL, Workspace
from tests.mlflow_database import files_of

# Trials that complete, are pruned, and diverge; and the metric decides which weights are kept.
MIXED = (
    SMALL.replace("trials = 8", "trials = 10\nseed = 1")
    .replace("window = 3", 'window = 3\nmetric = "validation_loss"\ndirection = "minimize"')
    .replace("epochs = 4", 'epochs = 4\nkeep = "best"')
    .replace(
        '{ type = "float", low = 1e-4, high = 2e-2, log = true }',
        '{ type = "categorical", choices = [1e-4, 1e-3, 1e-2, 1e5] }',
    )
    + "\n[[enqueue]]\nhidden_size = 30\nlearning_rate = 1e5\nl2 = 1e-2\n"
)
WEIGHTS = "model/data/weights/model.safetensors"
Spoil = Callable[["Recorded", Run], None]


@dataclass(frozen=True)
class Recorded:
    """A folder with a finished study whose records a test may spoil."""

    workspace: Workspace

    @property
    def client(self) -> MlflowClient:
        return client_of(self.workspace)

    def trial(self, state: str) -> Run:
        """The longest trial that ended in a state."""
        runs = child_runs(self.workspace, "small", client=self.client)
        ended = [run for run in runs if run.data.tags["studyhall.state"] == state]
        return max(ended, key=lambda run: len(self.losses(run)))

    def artifact(self, run: Run, path: str) -> Path:
        return files_of(run) / path

    def losses(self, run: Run) -> list[str]:
        """The lines of a trial's training losses, a head and one for each iteration."""
        return self.artifact(run, "training_loss.csv").read_text().splitlines()

    def write_losses(self, run: Run, lines: list[str]) -> None:
        self.artifact(run, "training_loss.csv").write_text("".join(f"{line}\n" for line in lines))

    def forget_study_file(self, run: Run) -> None:
        parent = self.client.get_run(run.data.tags["mlflow.parentRunId"])
        self.artifact(parent, "study.toml").unlink()

    def sql(self, command: str, *values: object) -> None:
        with sqlite3.connect(self.workspace.folder / "mlflow.db") as database:
            assert database.execute(command, values).rowcount > 0
        database.close()

    def replay(self, run: Run) -> Replay:
        (replay,) = replay_runs([run.info.run_id], self.workspace.tracking_uri)
        return replay

    def complaint(self, run: Run) -> str:
        """Why a run cannot be replayed, less its beginning, which names the run."""
        with pytest.raises(StudyhallError) as refused:
            self.replay(run)
        return str(refused.value).removeprefix(f"run {run.info.run_id}: ")


def copy_of(recorded: Workspace, folder: Path) -> Recorded:
    """A copy of a folder with a finished study, whose runs name the files of the copy."""
    shutil.copytree(recorded.folder, folder)
    copy = Recorded(Workspace(folder))
    open_client(copy.workspace.tracking_uri)
    return copy


def tag(name: str, value: str) -> Spoil:
    return lambda recorded, run: recorded.client.set_tag(run.info.run_id, name, value)


def untag(name: str) -> Spoil:
    return lambda recorded, run: recorded.client.delete_tag(run.info.run_id, name)


def change_point(recorded: Recorded, run: Run) -> None:
    change = "update metrics set value = value + 1e-9 where run_uuid = ? and key = ? and step = 60"
    recorded.sql(change, run.info.run_id, "validation_accuracy")
