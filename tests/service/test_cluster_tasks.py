"""Calls that are left to a cluster: who makes them where some workers cannot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from distributed import Client, Variable, get_worker

from studyhall.search.workers.cluster import Cluster
from studyhall.search.workers.detached_task import DetachedTask, submit_detached
from tests.service.dask_cluster import DaskCluster
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A cluster of two workers, on which nothing of a study is done."""
    cluster = DaskCluster(tmp_path_factory.mktemp("two"), {}, hosts=2)
    yield cluster
    cluster.end()


@pytest.fixture
def client(two: DaskCluster) -> Iterator[Client]:
    with Client(two.address, set_as_default=False) as client:
        yield client


def attempt(name: str, unfit: tuple[str, ...], patience: float) -> None:
    """Be done where this can be; note in a variable of the cluster who tried, and how it ended."""
    task, here, found = DetachedTask(), get_worker().address, Variable(name)
    known = found.get(timeout=10)
    if here not in unfit:
        found.set({**known, "ended": "done", "by": here})
        return task.secede()
    failed = task.count_failure()
    tries = [*known["tries"], (here, failed)]
    if failed >= patience:
        return found.set({**known, "tries": tries, "ended": "given up"})
    found.set({**known, "tries": tries})
    time.sleep(0.1)  # as a look at a host takes
    return task.reschedule()


def ended(client: Client, name: str) -> dict:
    """What became of a call, once it has."""
    found = Variable(name, client=client)
    wait_for(lambda: "ended" in found.get(timeout=10))
    key = f"studyhall-launch-{name}"
    wait_for(
        lambda: not client.run_on_scheduler(lambda dask_scheduler: key in dask_scheduler.tasks)
    )
    return found.get(timeout=10)


def leave(two: DaskCluster, client: Client, name: str, unfit: list[str], patience: float) -> None:
    Variable(name, client=client).set({"tries": []})
    with closing(Cluster(two.address)) as cluster:
        submit_detached(cluster, attempt, name, tuple(unfit), patience, name=name)


def test_a_worker_that_cannot_waits_for_one_that_is_busy(two, client):
    unfit, busy = sorted(client.ncores())
    trial = client.submit(time.sleep, 4.0, workers=[busy], pure=False)
    leave(two, client, "waits", [unfit], patience=0.5)
    found = ended(client, "waits")
    trial.result()
    assert (found["ended"], found["by"]) == ("done", busy)
    assert {(here, failed) for here, failed in found["tries"]} == {(unfit, 0.0)}


def test_a_call_that_no_worker_can_make_is_given_up_and_made_anew(two, client):
    both = sorted(client.ncores())
    for _ in range(2):
        leave(two, client, "given-up", both, patience=1.0)
        found = ended(client, "given-up")
        assert found["ended"] == "given up"
        assert {here for here, _ in found["tries"]} == set(both)
        assert found["tries"][0][1] == 0.0
    leave(two, client, "given-up", [], patience=1.0)
    assert ended(client, "given-up")["ended"] == "done"
