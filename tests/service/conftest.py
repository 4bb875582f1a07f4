"""The service, started once for all tests of it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from studyhall import launch
from tests.postgres import Server as Postgres
from tests.search.moons import Moons
from tests.service.dask_cluster import DaskCluster
from tests.service.on_cluster import Answers, OnCluster, answers_of, long
from tests.service.s3 import MISSING, S3, find_rclone
from tests.service.stack import BUCKET, Served, Stack, start_mlflow
from tests.service.users import Guarded, start_guarded


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Dask leaves sockets of what was killed to the collector, which comes to them in any test."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="module", autouse=True)
def swept() -> Iterator[None]:
    """Have the collector come before the tests that follow the service's."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A real S3 server, which tests may restart but must leave running."""
    program = find_rclone()
    if program is None:
        pytest.skip(MISSING)
    server = S3(program, tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def stack(postgres: Postgres, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service; a test gives its studies names of their own."""
    pytest.importorskip("boto3")
    storage, backend = postgres.new_database(), postgres.new_database()
    if not (s3.folder / BUCKET).exists():
        s3.new_bucket(BUCKET)
    server = start_mlflow(tmp_path_factory.mktemp("mlflow"), backend, s3)
    with pytest.MonkeyPatch.context() as patch:
        # The server's first file, for which it loads boto3, takes long on a busy machine.
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
        yield Stack(postgres, s3, server, storage, backend)
    server.kill()


@pytest.fixture
def served(stack: Stack, tmp_path: Path) -> Served:
    """A study of points on the service, launched from a folder of its own."""
    return Served(tmp_path, stack)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What the study answers with one worker, a journal and SQLite."""
    moons = Moons(tmp_path_factory.mktemp("undisturbed"))
    spec = long(moons)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moons.folder)
        launch(spec, moons.options())
    return answers_of(moons, "moons")


@pytest.fixture(scope="session")
def cluster(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A cluster of two hosts, which tests may disturb but must leave at work."""
    found = DaskCluster(tmp_path_factory.mktemp("cluster"), stack.environment, hosts=2)
    yield found
    found.end()


@pytest.fixture
def study(cluster: DaskCluster, stack: Stack, tmp_path: Path) -> OnCluster:
    """A study of points that the cluster does, named after its test."""
    return OnCluster(tmp_path, stack, cluster)


@pytest.fixture(scope="session")
def guarded(
    postgres: Postgres, s3: S3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    """An MLflow server that asks who calls; tests must leave its users as they were."""
    if not (s3.folder / BUCKET).exists():
        s3.new_bucket(BUCKET)
    started = start_guarded(tmp_path_factory.mktemp("guarded"), postgres, s3)
    yield started
    started.server.kill()
