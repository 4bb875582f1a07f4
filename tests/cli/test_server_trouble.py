"""Interrupted while the tracking server hangs: it ends all the same, and resumes."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.record import answers, child_runs
from tests.cli.watching import claims, ended, finished
from tests.server import Server
from tests.waiting import wait_for

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@contextmanager
def hanging(server: Server):
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)


def test_a_launch_ends_though_the_server_does_not_answer(workspace, launches, undisturbed, server):
    options = ("--tracking-uri", server.address)
    process = launches.start("--jobs", 2, *options)
    wait_for(lambda: finished(workspace) >= 1)
    with hanging(server):
        os.killpg(process.pid, signal.SIGINT)
        stderr = ended(process, 130, seconds=30)
    assert "Traceback" not in stderr
    assert all(claim.owner == "" for claim in claims(workspace).values())
    workspace.run("launch", "small.toml", "--jobs", 2, *options)
    client = MlflowClient(server.address)
    assert answers(workspace, "small", client) == undisturbed
    assert [r.info.status for r in child_runs(workspace, "small", "study", client)] == ["FINISHED"]
    assert not list(workspace.folder.glob(".studyhall/*/*trial*"))
