"""Fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from search.datasets import fetch
from tests.postgres import Server, find_binaries

# The same examples on every run, and as long as a busy machine takes for them.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")


@pytest.fixture(scope="session")
def cifar10_cache() -> Path:
    """The real CIFAR-10, decoded into the ordinary cache."""
    return fetch("cifar10")


@pytest.fixture(scope="session")
def mnist_cache() -> Path:
    """The real MNIST, decoded into the ordinary cache."""
    return fetch("mnist")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL server, which tests may restart but must leave running."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed here (Debian: postgresql)")
    pytest.importorskip("psycopg")
    server = Server(binaries)
    yield server
    server.remove()


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The address of an empty database."""
    address = postgres.new_database()
    yield address
    postgres.query(f"DROP DATABASE {address.rpartition('/')[2]} WITH (FORCE)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and first all of the service, which takes longest."""
    service = Path(__file__).parent / "service"
    items.sort(key=lambda item: service not in item.path.parents)
    for item in items:
        group = "service" if service in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped where every test can run: a skip there hides a missing install step."""
    report = yield
    if report.skipped and os.environ.get("STUDYHALL_NO_SKIPS"):
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Likewise for whole files, which `importorskip` skips before there is a test."""
    report = yield
    if report.skipped and os.environ.get("STUDYHALL_NO_SKIPS"):
        report.outcome = "failed"
    return report
