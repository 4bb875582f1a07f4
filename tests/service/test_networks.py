"""Hosts with networks of their own: one is cut off in the middle of a study, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.service.dask_cluster import Host, Scheduler
from tests.service.networks import HERE, Network, may_have_networks, network
from tests.service.on_cluster import Answers, OnCluster, Told, launched, require_whole
from tests.service.stack import Stack
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(
    not may_have_networks(), reason="networks can be made by root alone, with iproute2"
)


class Hosts:
    """Two hosts of a cluster, which reach the services and the scheduler by links of their own."""

    def __init__(self, stack: Stack, folder: Path, joined: Network) -> None:
        self.network = joined
        self._gateways = [Gateway(server.port, HERE) for server in (stack.postgres, stack.mlflow)]
        self.scheduler = Scheduler(folder, HERE)
        environment = {
            "STUDYHALL_STORAGE": stack.storage.replace(
                f"127.0.0.1:{stack.postgres.port}", f"{HERE}:{self._gateways[0].port}"
            ),
            "MLFLOW_TRACKING_URI": self._gateways[1].address,
        }
        self.names: list[str] = []
        self.hosts: list[Host] = []
        for _ in range(2):
            name, inside = joined.join()
            self.names.append(name)
            self.hosts.append(
                Host(folder / name, self.scheduler.address, environment, inside=inside)
            )
        self.scheduler.wait_for_workers(2)

    @property
    def address(self) -> str:
        return self.scheduler.address

    def has_begun(self, number: int) -> bool:
        """Whether a host is at a trial."""
        return bool(list(self.hosts[number].folder.glob("home/*/trial-*")))

    def end(self) -> None:
        for host in self.hosts:
            host.lose()
        self.scheduler.kill()
        for gateway in self._gateways:
            gateway.remove()


@pytest.fixture
def hosts(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with network() as joined:
        found = Hosts(stack, tmp_path_factory.mktemp("hosts"), joined)
        yield found
        found.end()


def test_a_host_that_is_cut_off_holds_up_nothing_and_adds_nothing(
    stack: Stack, hosts: Hosts, tmp_path: Path, undisturbed: Answers
) -> None:
    study = OnCluster(tmp_path, stack, hosts)  # type: ignore[arg-type]

    def cut() -> None:
        wait_for(lambda: hosts.has_begun(0))
        hosts.network.cut(hosts.names[0])

    told = Told(cut)
    launched(study, told)
    require_whole(study, undisturbed)
    hosts.network.mend(hosts.names[0])
    hosts.scheduler.wait_for_workers(2)
    launched(study)  # has the host swept what it was at
    assert not hosts.has_begun(0)
    require_whole(study, undisturbed)
