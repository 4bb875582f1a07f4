"""A study that is watched through its record while it runs, and a study that is slow enough."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import psutil
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial

from studyhall.search.study.claim import Claim, claim_of
from studyhall.search.study.storage import read_storage
from tests.cli.record import child_runs
from tests.cli.workspace import SMALL, Workspace

# Some trials are pruned; the others train for some seconds, in which they can be disturbed.
SLOW = SMALL.replace("trials = 8", "trials = 6").replace("epochs = 4", "epochs = 80")


_opened: dict[str, BaseStorage] = {}


def _storage(workspace: Workspace) -> BaseStorage:
    """The journal or database of a folder, opened once; an empty one while there is none."""
    journal = str(workspace.folder / "studyhall.journal")
    address = workspace.environment.get("STUDYHALL_STORAGE", journal)
    if address not in _opened:
        found = read_storage(address)
        if isinstance(found, InMemoryStorage):
            return found
        _opened[address] = found
    return _opened[address]


def trials(workspace: Workspace) -> list[FrozenTrial]:
    """What the record of a folder says of its one study."""
    storage = _storage(workspace)
    studies = storage.get_all_studies()
    return storage.get_all_trials(studies[0]._study_id) if studies else []


def finished(workspace: Workspace) -> int:
    """How many trials have finished."""
    return sum(trial.state.is_finished() for trial in trials(workspace))


def claims(workspace: Workspace) -> dict[int, Claim]:
    """The claims on trials that have not finished, those that were given back too."""
    found = {t.number: claim_of(t) for t in trials(workspace) if not t.state.is_finished()}
    return {number: claim for number, claim in found.items() if claim}


def attempts(workspace: Workspace) -> dict[int, int]:
    """How often each trial was begun."""
    found = {trial.number: claim_of(trial) for trial in trials(workspace)}
    return {number: claim.attempt for number, claim in found.items() if claim}


def process_of(claim: Claim) -> int:
    """The process that has a trial."""
    return int(claim.owner.rsplit(":", 3)[1])


def under_way(workspace: Workspace) -> dict[int, Claim]:
    """The claims of workers that are in the middle of a trial: its training has been saved."""
    return {
        number: claim
        for number, claim in claims(workspace).items()
        if claim.owner and list(workspace.folder.glob(f".studyhall/*/trial-{number:04d}.state"))
    }


def left_over(workspace: Workspace, name: str = "small") -> list[str]:
    """The runs that stand in RUNNING, and what has not been sent."""
    runs = [*child_runs(workspace, name), *child_runs(workspace, name, "study")]
    unsent = (workspace.folder / ".studyhall").glob("*/*trial*")
    running = [str(run.info.run_name) for run in runs if run.info.status == "RUNNING"]
    return [*running, *map(str, unsent)]


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that a launch has started."""
    return psutil.Process(process.pid).children(recursive=True)


class Launches:
    """Launches of small.toml in one folder, each in a process group of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *options: object, **how: Any) -> subprocess.Popen[str]:
        """Start one more."""
        arguments = ("launch", "small.toml", *options)
        self._started.append(self._workspace.start(*arguments, start_new_session=True, **how))
        return self._started[-1]

    def end(self) -> None:
        """Kill those that run, and their workers."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdout and not process.stdout.closed:
                process.communicate()


def ended(process: subprocess.Popen[str], code: int = 0, seconds: float = 300) -> str:
    """Wait for a launch to end with an exit code; return what it wrote to stderr."""
    _, stderr = process.communicate(timeout=seconds)
    assert process.returncode == code, f"{process.returncode}\n{stderr}"
    return stderr
