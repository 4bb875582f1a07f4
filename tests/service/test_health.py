"""The health checks of docker-compose.yml, which must fail where a service is of no use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.postgres import free_port
from tests.service.dask_cluster import ROOT, Host, Scheduler
from tests.service.stack import Stack
from tests.service.troubles import without_bucket, without_database, without_store

OWN = socket.gethostbyname(socket.gethostname())  # by which a worker looks for itself


def refusal(*words: str, **environment: str) -> str:
    """What a check says that fails; nothing if all is well."""
    return _said(sys.executable, str(ROOT / "compose" / "health.py"), *words, **environment)


def _said(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (not done.stderr), done.stderr
    return done.stderr


def test_a_server_with_its_database_and_its_bucket_is_healthy(stack):
    assert not refusal("mlflow", stack.mlflow.address)


@pytest.mark.parametrize("trouble", [without_database, without_bucket, without_store])
def test_a_server_without_one_of_them_is_not(stack, trouble):
    with trouble(stack):
        assert refusal("mlflow", stack.mlflow.address).startswith("mlflow: ")


def test_a_server_that_asks_for_a_password_gets_the_administrators(guarded):
    assert "401" in refusal("mlflow", guarded.address, MLFLOW_AUTH_ADMIN_PASSWORD="not his")


class Cluster:
    """A scheduler whose figures can be asked for, as in its container."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.figures = f"http://{OWN}:{port}"
        options = ("--dashboard-address", f"{OWN}:{port}", "--no-show")
        self.scheduler = Scheduler(folder, OWN, options)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("scheduler"))
    yield started
    started.scheduler.kill()


def test_a_scheduler_that_is_there_is_healthy_and_a_worker_that_it_counts(cluster, tmp_path):
    assert not refusal("scheduler", cluster.figures)
    assert "the scheduler has 0 workers" in refusal("worker", cluster.figures)
    host = Host(tmp_path, cluster.scheduler.address, {}, "--host", OWN)
    try:
        cluster.scheduler.wait_for_workers(1)
        assert not refusal("worker", cluster.figures)
    finally:
        host.lose()


@pytest.mark.parametrize("name", ["mlflow", "optuna-dashboard", "scheduler", "worker"])
def test_what_is_not_there_is_not_healthy(name):
    said = refusal(name, f"http://127.0.0.1:{free_port()}")
    assert said.startswith(f"{name}: ")
    assert "Connection refused" in said


def of_store(stack: Stack, programs: Path, changed: Mapping[str, str]) -> str:
    """What the store's check says that fails, where one client alone is to be had."""
    script = str(ROOT / "compose" / "s3_health.sh")
    environment = {**stack.s3.environment, "PATH": str(programs), "HOME": str(programs), **changed}
    return _said("/bin/sh", script, stack.s3.address, **environment)


@pytest.mark.parametrize("client", ["curl", "rclone"])
def test_a_store_is_healthy_if_it_takes_the_key(stack, tmp_path, client):
    program = stack.s3.program if client == "rclone" else shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed here")
    (tmp_path / client).symlink_to(program)
    assert not of_store(stack, tmp_path, {})
    assert of_store(stack, tmp_path, {"AWS_SECRET_ACCESS_KEY": "another"})
    with without_store(stack):
        assert of_store(stack, tmp_path, {})
