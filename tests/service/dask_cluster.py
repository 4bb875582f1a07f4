"""A real Dask cluster on loopback: its scheduler, and hosts that a supervisor keeps at work."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from distributed import Client

from tests.postgres import free_port
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {  # as docs/cluster.md has them
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "67108864",
}


def _path() -> str:
    """The import path of this process's environment, and the repository after it."""
    return os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))


class Scheduler:
    """The scheduler on a port of its own, which a test can kill and start again.

    Args:
        folder: Where it works, and keeps its log.
        host: The address that it listens at.
        options: More of `dask scheduler`.
    """

    def __init__(
        self, folder: Path, host: str = "127.0.0.1", options: Sequence[str] = ("--no-dashboard",)
    ) -> None:
        self.folder, self.host, self.port, self._options = folder, host, free_port(), options
        self.address = f"tcp://{host}:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "scheduler.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dask", "scheduler"),
                    *("--host", self.host, "--port", str(self.port), *self._options),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": _path()},  # it unpickles what tests submit
                start_new_session=True,
            )
        with Client(self.address, timeout=PATIENCE, set_as_default=False):
            pass

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def wait_for_workers(self, count: int) -> None:
        """Wait until so many workers have come, and those before them are gone."""
        deadline = time.monotonic() + PATIENCE
        with Client(self.address, timeout=PATIENCE, set_as_default=False) as client:
            while len(client.ncores()) != count:
                assert time.monotonic() < deadline, f"{len(client.ncores())} workers"
                time.sleep(0.1)


class Host:
    """A host of a cluster: a folder of its own, and a worker that is started again when it ends.

    Args:
        folder: Where it keeps what it is at.
        scheduler: The address of the scheduler.
        environment: What its user has set there.
        options: More of `dask worker`.
        threads: How many trials it would do at once; one, if it is started as it should be.
        inside: What its worker is started by, such as a network of its own.
    """

    def __init__(
        self,
        folder: Path,
        scheduler: str,
        environment: Mapping[str, str],
        *options: str,
        threads: int = 1,
        inside: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._command = [
            *inside,
            sys.executable,
            "-m",
            "dask",
            "worker",
            scheduler,
            "--no-dashboard",
        ]
        self._command += ["--nthreads", str(threads), "--local-directory", str(folder), *options]
        own = {**os.environ, "STUDYHALL_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
        own |= SETTINGS
        self._environment = {**own, **environment}
        self._wanted = True
        self._process = self._start()
        threading.Thread(target=self._supervise, daemon=True).start()

    def kill(self) -> None:
        """Kill its worker and all its processes; the supervisor starts another."""
        for process in self._family():
            process.kill()

    def kill_trainer(self) -> None:
        """Kill the process that does the trials alone; Dask's own nanny starts another."""
        for child in self._family()[1:]:
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()

    def lose(self) -> None:
        """Kill it for good."""
        self._wanted = False
        self.kill()
        self._process.wait()

    def _family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )

    def _supervise(self) -> None:
        while self._wanted:
            self._process.wait()
            time.sleep(0.2)
            if self._wanted:
                self._process = self._start()


class DaskCluster:
    """A scheduler and its hosts; a test may disturb them, but must leave all at work."""

    def __init__(self, folder: Path, environment: Mapping[str, str], hosts: int) -> None:
        self.folder, self._environment = folder, environment
        self.scheduler = Scheduler(folder)
        self.hosts = [self.add(f"host-{number}") for number in range(hosts)]
        self.scheduler.wait_for_workers(hosts)

    @property
    def address(self) -> str:
        return self.scheduler.address

    def add(
        self, name: str, *options: str, threads: int = 1, apart: bool = False, **environment: str
    ) -> Host:
        """Have another host join; `apart`, one that the others know by name and beat alone."""
        own, inside = {**self._environment, **environment}, _apart(name) if apart else ()
        folder = self.folder / name
        return Host(folder, self.address, own, *options, threads=threads, inside=inside)

    def kill_who_has(self, prefix: str) -> None:
        """Kill the processes that are at tasks whose names begin so."""
        with Client(self.address, timeout=PATIENCE, set_as_default=False) as client:
            tasks = client.processing().items()
            at_it = [one for one, keys in tasks if any(str(k).startswith(prefix) for k in keys)]
            assert at_it
            for number in client.run(os.getpid, workers=at_it).values():
                os.kill(number, signal.SIGKILL)

    def end(self) -> None:
        """Kill all."""
        for host in self.hosts:
            host.lose()
        os.killpg(self.scheduler.process.pid, signal.SIGKILL)
        self.scheduler.process.wait()


def other_code(folder: Path) -> Path:
    """A folder for PYTHONPATH with another version of Studyhall."""
    code = folder / "code"
    shutil.copytree(ROOT / "src" / "studyhall", code / "studyhall")  # links become folders
    with (code / "studyhall" / "search" / "training" / "trial.py").open("a") as file:
        file.write("# another version\n")
    return code


def _apart(name: str) -> tuple[str, ...]:
    """What gives a process a host's name and numbers of processes of its own, where that may be."""
    alone = ("unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
    try:
        subprocess.run([*alone, "true"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ()
    host = name.replace("_", "-")[:63].strip("-")
    return (*alone, "sh", "-c", 'hostname "$0" && exec "$@"', host)
