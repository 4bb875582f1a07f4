"""Interrupted while the tracking server hangs or is gone: it ends all the same, and resumes."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.record import answers, child_runs
from tests.cli.watching import claims, ended, finished, wait_for
from tests.server import Server


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


@contextmanager
def away(server: Server):
    server.kill()
    try:
        yield
    finally:
        server.start()


CASES = [(away, signal.SIGTERM), (hanging, signal.SIGINT)]


@pytest.mark.parametrize(("trouble", "number"), CASES)
def test_a_launch_ends_though_the_server_does_not_answer(
    workspace, launches, undisturbed, server, trouble, number
):
    name = f"{trouble.__name__}-{number}"
    options = ("--name", name, "--tracking-uri", server.address)
    process = launches.start("--jobs", 2, *options)
    wait_for(lambda: finished(workspace) >= 1)
    with trouble(server):
        os.killpg(process.pid, number)
        stderr = ended(process, {signal.SIGTERM: 143, signal.SIGINT: 130}[number], seconds=30)
    assert "Traceback" not in stderr
    assert all(claim.owner == "" for claim in claims(workspace).values())
    workspace.run("launch", "small.toml", "--jobs", 2, *options)
    client = MlflowClient(server.address)
    assert answers(workspace, name, client) == undisturbed
    assert [r.info.status for r in child_runs(workspace, name, "study", client)] == ["FINISHED"]
    assert not list(workspace.folder.glob(".studyhall/*/*trial*"))
