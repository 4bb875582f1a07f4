"""TLS of the services that are not MLflow's: PostgreSQL, and Dask's cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli_w

from studyhall.search.common.errors import UsageError
from studyhall.search.study.storage import open_storage
from tests.cli.workspace import Workspace
from tests.postgres import Server as Postgres
from tests.postgres import free_port
from tests.search.moons import SPEC
from tests.service.certificates import Authority
from tests.service.dask_cluster import ROOT


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("own") / "authority", "IP:127.0.0.1")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other") / "authority", "IP:127.0.0.1")


@pytest.fixture(scope="module")
def encrypted(postgres, authority) -> Iterator[Postgres]:
    """The database's server with a certificate, for as long as this file's tests."""
    for name, path in (
        ("ssl_cert_file", authority.signed.certificate),
        ("ssl_key_file", authority.signed.key),
    ):
        own = postgres.folder / path.name
        shutil.copy(path, own)
        own.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(own, "postgres")
        postgres.query(f"ALTER SYSTEM SET {name} = '{own}'")
    postgres.query("ALTER SYSTEM SET ssl = on")
    postgres.restart()
    yield postgres
    postgres.query("ALTER SYSTEM RESET ALL")
    postgres.restart()


def verified(address: str, authority: Authority) -> str:
    return f"{address}?sslmode=verify-full&sslrootcert={authority.certificate}"


def test_a_database_is_reached_by_tls(encrypted, database, authority):
    storage = open_storage(verified(database, authority))
    assert storage.get_all_studies() == []
    used = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
    assert encrypted.query(f"{used} WHERE application_name = 'studyhall'") == "t"


def test_a_database_of_another_authority_is_refused(encrypted, database, stranger):
    with pytest.raises(UsageError) as caught:
        open_storage(verified(database, stranger))
    assert str(caught.value).endswith("SSL error: certificate verify failed")


def test_a_database_with_the_certificate_of_another_name_is_refused(encrypted, database, authority):
    with pytest.raises(UsageError) as caught:
        open_storage(verified(database, authority).replace("127.0.0.1", "localhost", 1))
    assert str(caught.value).endswith('does not match host name "localhost"')


def test_a_wrong_password_is_refused_over_tls(encrypted, authority):
    address = encrypted.address("postgres", "another")
    with pytest.raises(UsageError) as caught:
        open_storage(verified(address, authority))
    assert str(caught.value).endswith('password authentication failed for user "studyhall"')


def dask_settings(trusted: Authority, shown: Authority) -> dict[str, str]:
    """The variables that docs/security.md names; `shown` signed the certificate that is shown."""
    tls, own = "DASK_DISTRIBUTED__COMM__TLS__", shown.signed
    settings = {f"{tls}CA_FILE": str(trusted.certificate)}
    for part in ("SCHEDULER", "WORKER", "CLIENT"):
        settings |= {f"{tls}{part}__CERT": str(own.certificate), f"{tls}{part}__KEY": str(own.key)}
    return {**os.environ, "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true", **settings}


@dataclass(frozen=True)
class Scheduler:
    """Where it listens, and what it says."""

    address: str
    log: Path


@pytest.fixture(scope="module")
def scheduler(authority, stack, tmp_path_factory) -> Iterator[Scheduler]:
    """A scheduler and a worker, as the page starts them; the worker may use the service."""
    folder, port = tmp_path_factory.mktemp("dask"), free_port()
    own = {**stack.environment, "STUDYHALL_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    address = f"tls://127.0.0.1:{port}"
    place = ["--host", "127.0.0.1", "--port", str(port)]
    started = []
    for words in (["scheduler", *place], ["worker", address, "--nthreads", "1", "--no-nanny"]):
        command = [str(Path(sys.executable).with_name("dask")), *words]
        with (folder / f"{words[0]}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [*command, "--protocol", "tls", "--no-dashboard"],
                    cwd=folder,
                    env={**dask_settings(authority, authority), **own},
                    stdout=log,
                    stderr=log,
                )
            )
    try:
        yield Scheduler(address, folder / "scheduler.log")
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


CALL = """
import sys
from distributed import Client
with Client(sys.argv[1], timeout=float(sys.argv[2])) as client:
    client.wait_for_workers(1, timeout=120)
    print(client.submit(pow, 2, 5).result())
"""


def called(address: str, seconds: int, settings: Mapping[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", CALL, address, str(seconds)],
        env=settings,
        capture_output=True,
        text=True,
    )


def test_a_cluster_works_for_a_client_with_a_certificate(scheduler, authority):
    done = called(scheduler.address, 120, dask_settings(authority, authority))
    assert done.stdout == "32\n", done.stderr


def test_a_study_is_done_by_a_cluster_over_tls(scheduler, authority, stack, tmp_path):
    study = {**SPEC["study"], "name": "over-tls", "trials": 2}
    workspace = Workspace(tmp_path, {**dask_settings(authority, authority), **stack.environment})
    workspace.write(tomli_w.dumps({**SPEC, "study": study}))
    workspace.run("launch", "small.toml", "--cluster", scheduler.address)
    assert workspace.json("status", "over-tls")["complete"] == 2
    assert workspace.json("doctor", "over-tls")["found"] == []


def test_a_cluster_refuses_a_client_without_a_certificate_of_its_authority(
    scheduler, authority, stranger
):
    done = called(scheduler.address, 3, dask_settings(authority, stranger))
    assert done.returncode != 0
    assert "TLS handshake failed" in scheduler.log.read_text()
    assert done.stdout == ""
    bare = called(scheduler.address.replace("tls://", "tcp://"), 3, os.environ)
    assert bare.returncode != 0
    assert bare.stdout == ""
