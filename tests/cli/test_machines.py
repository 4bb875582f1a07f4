"""Two machines at one study: nothing but PostgreSQL and an MLflow server is shared.

A machine is a folder and a namespace of process numbers: neither sees the other's processes or
files, as it is with two machines, and each tells the other's workers by their beats alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.record import Answer, answers
from tests.cli.watching import SLOW, attempts, ended, finished, under_way
from tests.cli.workspace import STUDYHALL, Workspace
from tests.gateway import Gateway
from tests.server import Server
from tests.waiting import wait_for

_APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def _may_part() -> bool:
    """Whether processes may have numbers of their own here."""
    try:
        return subprocess.run([*_APART, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Machines:
    """Two folders, and what was started in them."""

    def __init__(self, workspaces: list[Workspace]) -> None:
        self.workspaces = workspaces
        self._started: list[subprocess.Popen[str]] = []

    def launch(self, machine: int, *options: object) -> subprocess.Popen[str]:
        """Launch the study on one of them."""
        workspace = self.workspaces[machine]
        self._started.append(
            subprocess.Popen(
                [*_APART, STUDYHALL, "launch", "small.toml", "--jobs", "1", *map(str, options)],
                cwd=workspace.folder,
                env=workspace.settings,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return self._started[-1]

    def end(self) -> None:
        """Kill what runs."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


@pytest.fixture
def server(tmp_path_factory) -> Iterator[Server]:
    served = Server(tmp_path_factory.mktemp("server"))
    yield served
    served.kill()


@pytest.fixture
def machines(tmp_path, cifar10_cache, database, server) -> Iterator[Machines]:
    environment = {"STUDYHALL_STORAGE": database, "MLFLOW_TRACKING_URI": server.address}
    workspaces = [Workspace(tmp_path / name, environment) for name in ("one", "other")]
    for workspace in workspaces:
        workspace.folder.mkdir()
        workspace.write(SLOW)
    found = Machines(workspaces)
    yield found
    found.end()


@pytest.fixture
def gateway(server) -> Iterator[Gateway]:
    opened = Gateway(server.port)
    yield opened
    opened.remove()


def require_whole(machines: Machines, server: Server, undisturbed) -> None:
    client, workspace = MlflowClient(server.address), machines.workspaces[1]
    assert answers(workspace, "small", client) == undisturbed
    assert [v.version for v in client.search_model_versions("name='small'")] == ["1"]
    assert workspace.json("doctor", "small")["found"] == []


def best_of(answers: list[Answer]) -> int:
    values = {a.number: a.curves["value"][-1][1] for a in answers if a.state == "FINISHED"}
    return max(values, key=lambda number: values[number])


apart = pytest.mark.skipif(
    not _may_part(), reason="processes may not have numbers of their own here (unshare --pid)"
)


@apart
def test_a_machine_that_is_lost_is_noticed_and_its_trial_taken_over(machines, server, undisturbed):
    lost, workspace = machines.launch(0), machines.workspaces[0]
    wait_for(lambda: under_way(workspace))
    [number] = under_way(workspace)
    os.killpg(lost.pid, signal.SIGKILL)
    lost.communicate()
    assert finished(workspace) == 0
    ended(machines.launch(1))
    assert attempts(workspace)[number] == 2
    require_whole(machines, server, undisturbed)


@apart
def test_who_ends_first_waits_for_the_best_trial_of_a_machine_that_is_cut_off(
    machines, server, gateway, undisturbed
):
    cut_off = machines.launch(0, "--tracking-uri", gateway.address)
    workspace, best = machines.workspaces[0], best_of(undisturbed)
    wait_for(lambda: under_way(workspace))
    gateway.close()
    wait_for(lambda: finished(workspace) > best)
    other = machines.launch(1)
    wait_for(lambda: finished(workspace) == 6)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(timeout=5)
    gateway.open()
    for process in (other, cut_off):
        assert "[6/6]" in ended(process)
    assert set(attempts(workspace).values()) == {1}  # they have divided the trials
    require_whole(machines, server, undisturbed)
