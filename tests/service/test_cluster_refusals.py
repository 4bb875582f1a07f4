"""What a launch on a cluster refuses before it does anything, each in a sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import dask
import pytest

from studyhall import Options, UsageError, launch
from studyhall.search.common.addresses import without_password
from studyhall.search.runner.service_check import check_service
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import study_names
from tests.postgres import free_port
from tests.search.moons import Moons
from tests.service.dask_cluster import ROOT, Host, Scheduler, other_code
from tests.service.on_cluster import AnHourAhead
from tests.service.stack import Stack

AN_HOUR_AHEAD = """\
import time
from types import SimpleNamespace

from studyhall.search.workers import cluster_check

cluster_check.time = SimpleNamespace(time=lambda: time.time() + 3600)
"""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """A scheduler without workers."""
    found = Scheduler(tmp_path_factory.mktemp("scheduler"))
    yield found
    found.kill()


def refusal(stack: Stack, folder: Path, **chosen: object) -> str:
    """What a launch says that is refused; nothing of its study is recorded."""
    moons, places = Moons(folder), {"storage": stack.storage, "tracking_uri": stack.mlflow.address}
    options = Options(**{"folder": folder, **places, **chosen})  # type: ignore[arg-type]
    with pytest.raises(UsageError) as refused:
        launch(moons.spec(name=folder.name), options)
    assert folder.name not in study_names(read_storage(stack.storage))
    return str(refused.value)


def test_a_clock_that_is_not_the_databases_is_refused(stack, tmp_path, monkeypatch):
    monkeypatch.setattr("studyhall.search.study.storage.datetime", AnHourAhead)
    said = refusal(stack, tmp_path)
    assert re.search(r"^--storage: .*: its clock is 3600 s behind this machine's", said)
    assert said.endswith("set both by NTP")


@pytest.mark.parametrize(
    "address", ["scheduler:8786", "http://127.0.0.1:8786", "tcp://host", "ucx://host:8786"]
)
def test_what_is_no_address_of_a_scheduler_is_named(stack, tmp_path, address):
    said = refusal(stack, tmp_path, cluster=address)
    assert "--cluster: must be the address of a Dask scheduler as tcp://host:8786" in said
    assert said.endswith(f"got '{address}'")


def test_a_scheduler_that_does_not_answer_is_named(stack, tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    said = refusal(stack, tmp_path, cluster=address)
    assert f"--cluster: no Dask scheduler answers at {address} (" in said
    assert "start one with `dask scheduler`" in said


@pytest.mark.parametrize(
    ("file", "told"),
    [(None, "needs certificates, got none; set "), ("nowhere.crt", "cannot be read ([Errno 2]")],
)
def test_an_encrypted_address_without_certificates_is_named(stack, tmp_path, file, told):
    keys = ("ca-file", "client.cert", "client.key")
    with dask.config.set({f"distributed.comm.tls.{key}": file for key in keys}):
        said = refusal(stack, tmp_path, cluster="tls://127.0.0.1:8786")
    assert said.startswith("--cluster: ")
    assert told in said
    assert said.endswith("DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY to your certificate files")


def test_a_cluster_without_workers_is_named(stack, scheduler, tmp_path):
    said = refusal(stack, tmp_path, cluster=scheduler.address)
    assert f"the cluster at {scheduler.address} has no workers; start some with" in said


def test_a_study_that_hosts_could_not_record_is_refused_with_all_that_is_wrong(stack, tmp_path):
    here = {"storage": tmp_path / "studyhall.journal", "tracking_uri": f"sqlite:///{tmp_path}/m.db"}
    said = refusal(stack, tmp_path, cluster="nowhere", **here).splitlines()
    assert [line.partition(":")[0] for line in said] == ["--storage", "--tracking-uri", "--cluster"]
    assert not list(tmp_path.glob("*.db"))


def test_workers_that_cannot_do_the_trials_are_refused_each_with_its_reason(
    stack, scheduler, tmp_path, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("hosts")
    code, told = other_code(folder), stack.environment
    locked = {**told, "STUDYHALL_STORAGE": without_password(stack.storage)}
    (folder / "ahead.py").write_text(AN_HOUR_AHEAD)
    hosts = [
        Host(folder / "many", scheduler.address, told, threads=2),
        Host(folder / "other", scheduler.address, {**told, "PYTHONPATH": str(code)}),
        Host(folder / "ahead", scheduler.address, told, "--preload", str(folder / "ahead.py")),
        Host(folder / "locked", scheduler.address, locked),
        Host(folder / "none", scheduler.address, {"PYTHONPATH": str(without(folder, "studyhall"))}),
    ]
    try:
        scheduler.wait_for_workers(len(hosts))
        said = refusal(stack, tmp_path, cluster=scheduler.address)
        places = {"storage": stack.storage, "tracking_uri": stack.mlflow.address}
        options = Options(folder=tmp_path, cluster=scheduler.address, **places)
        looked_at = check_service(options)[-1]
    finally:
        for host in hosts:
            host.lose()
    assert len(said.splitlines()) == len(hosts)
    assert looked_at.name == "cluster"
    assert looked_at.facts["workers"] == len(hosts)
    assert len(looked_at.problems) == len(hosts)
    for words in (
        "must do one trial at a time, got 2 threads; start it with --nthreads 1",
        "runs other code than this launch (studyhall 0.2.0 (",
        "s ahead of this machine's, so that the times",
        "cannot run Studyhall (ModuleNotFoundError(\"No module named 'studyhall'\")); install this",
        "no password supplied); check its STUDYHALL_STORAGE, and the password in PGPASSWORD",
    ):
        assert words in said


def other_library(folder: Path, name: str) -> str:
    """A folder for PYTHONPATH in which another version of a library is installed, as it seems."""
    described = folder / name / f"{name}-0.1.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    commands = distribution(name).read_text("entry_points.txt") or ""  # such as `dask scheduler`
    (described / "entry_points.txt").write_text(commands)
    return f"{described.parent}{os.pathsep}{ROOT}"


@pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")  # the test's own
def test_a_cluster_of_another_dask_is_refused_its_scheduler_too(
    stack, tmp_path, tmp_path_factory, monkeypatch
):
    folder = tmp_path_factory.mktemp("other")
    monkeypatch.setenv("PYTHONPATH", other_library(folder, "distributed"))
    scheduler = Scheduler(folder)
    libraries = {**stack.environment, "PYTHONPATH": other_library(folder, "cloudpickle")}
    host = Host(folder / "host", scheduler.address, libraries)
    try:
        scheduler.wait_for_workers(1)
        first, second = refusal(stack, tmp_path, cluster=scheduler.address).splitlines()
        looked_at = check_service(Options(folder=tmp_path, cluster=scheduler.address))[-1]
    finally:
        host.lose()
        scheduler.kill()
    assert f"the scheduler at {scheduler.address} has other libraries than this launch (" in first
    assert f"(distributed 0.1, here {version('distributed')}); install the same there" in first
    assert second.startswith("--cluster: worker tcp://")
    assert f"(cloudpickle 0.1, here {version('cloudpickle')}); install the same there" in second
    assert looked_at.facts["version"] == "Dask 0.1"
    assert len(looked_at.problems) == 2


def without(folder: Path, package: str) -> Path:
    """A folder that hides an installed package, as where it is not installed."""
    hiding = folder / "hiding"
    hiding.mkdir()
    (hiding / f"{package}.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
    )
    return hiding


def test_an_installation_without_dask_says_what_to_install(stack, tmp_path, monkeypatch):
    monkeypatch.setattr("studyhall.search.workers.pool_choice.find_spec", lambda name: None)
    said = refusal(stack, tmp_path, cluster="tcp://127.0.0.1:8786")
    assert said.endswith("`pip install 'studyhall[cluster]'`")
