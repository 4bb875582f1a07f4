"""A study on a service of which one part after the other is killed or cut off.

STUDYHALL_DISTURBANCES says how often; `make disturb` tries it at length.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from studyhall.search.study.trial_result import TrialResult
from tests.gateway import Gateway
from tests.search.moons import Moons
from tests.service.dask_cluster import DaskCluster, Host
from tests.service.on_cluster import (
    OnCluster,
    Told,
    answers_of,
    launched,
    long,
    require_whole,
    run_of_study,
)
from tests.service.stack import Stack
from tests.waiting import wait_for

TIMES = int(os.environ.get("STUDYHALL_DISTURBANCES", "8"))
LONGEST_CUT = 3.0 if TIMES < 50 else 30.0  # seconds; of more than 20 a host's trials are taken over


class Disturbances:
    """Kills and cuts in an order drawn at random, in which none comes a second time too soon."""

    def __init__(self, stack: Stack, cluster: DaskCluster, folder: Path, seed: int) -> None:
        self._stack, self._cluster = stack, cluster
        self._generator = np.random.default_rng(seed)
        self._gateways = [Gateway(stack.postgres.port), Gateway(stack.mlflow.port)]
        storage = stack.storage.replace(f":{stack.postgres.port}/", f":{self._gateways[0].port}/")
        mlflow = self._gateways[1].address
        self.cut_off = cluster.add(
            folder.name, apart=True, STUDYHALL_STORAGE=storage, MLFLOW_TRACKING_URI=mlflow
        )
        self._order: list[Callable[[], object]] = []
        self.done: list[str] = []

    def next(self) -> None:
        """Disturb the study once more."""
        if not self._order:
            self._order = [
                *(self.kill_a_trainer, self.kill_a_host, self.kill_the_scheduler),
                *(self.kill_postgres, self.restart_postgres, self.kill_mlflow, self.kill_s3),
                self.cut_a_link,
            ]
            self._generator.shuffle(self._order)  # type: ignore[arg-type]
        disturb = self._order.pop()
        disturb()
        self.done.append(disturb.__name__)

    def kill_a_trainer(self) -> None:
        self._host().kill_trainer()

    def kill_a_host(self) -> None:
        self._host().kill()

    def kill_the_scheduler(self) -> None:
        self._cluster.scheduler.kill()
        self._cluster.scheduler.start()

    def kill_postgres(self) -> None:
        self._stack.postgres.kill()
        self._stack.postgres.start()

    def restart_postgres(self) -> None:
        self._stack.postgres.restart()

    def kill_mlflow(self) -> None:
        self._stack.mlflow.kill()
        self._stack.mlflow.start()

    def kill_s3(self) -> None:
        self._stack.s3.kill()
        self._stack.s3.start()

    def cut_a_link(self) -> None:
        for gateway in self._gateways:
            gateway.close()
        threading.Timer(self._generator.uniform(0.5, LONGEST_CUT), self._mend).start()

    def _mend(self) -> None:
        for gateway in self._gateways:
            gateway.open()

    def _host(self) -> Host:
        hosts = [*self._cluster.hosts, self.cut_off]
        return hosts[int(self._generator.integers(len(hosts)))]

    def end(self) -> None:
        """Leave the cluster as it was."""
        self._mend()
        self.cut_off.lose()
        for gateway in self._gateways:
            gateway.remove()
        self._cluster.scheduler.wait_for_workers(len(self._cluster.hosts))


class Disturbed(Told):
    """Disturbs the study whenever a trial has ended, as often as that was wanted."""

    def __init__(self, disturbances: Disturbances) -> None:
        super().__init__()
        self._disturbances = disturbances

    def trial(self, result: TrialResult) -> None:
        super().trial(result)
        if len(self._disturbances.done) < TIMES:
            self._disturbances.next()


def test_whatever_is_killed_or_cut_the_study_is_finished_and_the_same(
    study: OnCluster, stack: Stack, cluster: DaskCluster, tmp_path_factory, monkeypatch
) -> None:
    trials = TIMES + 2
    alone = Moons(tmp_path_factory.mktemp("alone"))
    with monkeypatch.context() as patch:
        patch.chdir(alone.folder)
        alone.run(long(alone, trials=trials))
    disturbances = Disturbances(stack, cluster, study.folder, seed=TIMES)
    try:
        launched(study, told := Disturbed(disturbances), trials=trials)
    finally:
        disturbances.end()
    print("disturbed:", *disturbances.done, *told.notes, sep="\n")
    assert len(disturbances.done) == TIMES
    answers = answers_of(alone, "moons")
    require_whole(study, answers)
    # A host that came back after the end is asked by the next launch.
    launched(study, trials=trials)
    require_whole(study, answers)
    study_id = run_of_study(study).data.tags["studyhall.study_id"]
    for host in cluster.hosts:
        wait_for(lambda host=host: not list(host.folder.glob(f"home/{study_id}/trial-*")))
    assert not orphans(cluster.folder)


def orphans(folder: Path) -> list[psutil.Process]:
    """Processes that did trials for a cluster and have lost the one that started them."""
    found = []
    for process in psutil.process_iter(["ppid", "cmdline", "environ"]):
        command = " ".join(process.info["cmdline"] or [])
        home = (process.info["environ"] or {}).get("STUDYHALL_HOME", "")
        if process.info["ppid"] == 1 and "spawn_main" in command and home.startswith(str(folder)):
            found.append(process)
    return found
