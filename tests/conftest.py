"""Fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from matplotlib.figure import Figure
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from studyhall.search.data.datasets import fetch
from tests.postgres import Server, find_binaries

# The same examples on every run, and as long as a busy machine takes for them.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")


# What end-to-end tests wait for, a worker's silence above all, takes a quarter of the usual time; a
# busy machine lets a process wait for a second or two.
INTERVALS = "0.25"


def pytest_configure() -> None:
    """Shorten the intervals of this process, before a test imports them, and of its children."""
    os.environ.setdefault("STUDYHALL_INTERVALS", INTERVALS)


_savefig = Figure.savefig
# A picture of one pixel, as PNG.
_SMALLEST = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


def _leave_undrawn(figure: Figure, file: Path, **_: object) -> None:
    file.write_bytes(_SMALLEST)


@pytest.fixture(scope="session", autouse=True)
def undrawn() -> Iterator[None]:
    """Draw nothing in this process: the pictures take most of the time of a small study.

    The command line draws: it runs in processes of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", _leave_undrawn)
        yield


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw pictures after all, for a test that looks at them."""
    monkeypatch.setattr(Figure, "savefig", _savefig)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is not the checkout's: workers, which import tests, find none there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


# Files of the service's tests that share servers, a word of their names for each group; the rest of
# them is a third.
SERVICE_GROUPS = {
    "guarded": ("refusals", "secrets", "tls_proxy", "users"),
    "cluster": ("cluster", "host", "networks", "encrypted"),
}


class _FileByFile(LoadFileScheduling):
    """Keeps the tests of a file in one process, and those of the service that share servers."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        if not scope.startswith("tests/service/"):
            return scope
        name = scope.removeprefix("tests/service/test_")
        groups = (group for group, words in SERVICE_GROUPS.items() if name.startswith(words))
        return f"tests/service/{next(groups, 'stack')}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Share the tests out among the processes of `pytest -n`."""
    return _FileByFile(config, log)


# `make test` leaves out what needs a service, a database, a browser or the documentation; a test
# elsewhere that takes long says so itself. `make test-all` has these and no others.
LONG_FOLDERS = {"browser", "compose", "docs", "packaging", "service"}
LONG_FIXTURES = {"postgres", "database"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is long, before `-m` selects; and begin with what takes longest."""
    tests = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in LONG_FOLDERS or LONG_FIXTURES.intersection(_fixtures(item)):
            item.add_marker(pytest.mark.long)
    order = {tests / "service": 0, tests / "cli": 1, tests / "docs": 2}
    items.sort(key=lambda item: order.get(item.path.parent, len(order)))


def _fixtures(item: pytest.Item) -> set[str]:
    """The fixtures that a test asks for, those that an indirect parameter names too."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return {*getattr(item, "fixturenames", ()), *(p for p in parameters if isinstance(p, str))}


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
