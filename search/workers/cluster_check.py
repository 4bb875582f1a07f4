"""Whether the workers of a Dask cluster can run a launch's trials, checked before they get any."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from studyhall.search.common.addresses import (
    address_of_host,
    redact,
    redact_text,
    resolved,
    without_password,
)
from studyhall.search.common.environment import code_difference, code_version, environment
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.options import Options
from studyhall.search.common.service_part import CLOCK_SECONDS, Part, Stopwatch
from studyhall.search.study.database_check import check_database
from studyhall.search.tracking.mlflow_check import check_server
from studyhall.search.tracking.mlflow_server import is_server
from studyhall.search.workers.cluster import CONNECT_SECONDS, HERE, Cluster, reason

# Calls and their answers pass through these: with other versions some of them fail.
LIBRARIES = ("dask", "distributed", "joblib", "cloudpickle")
_WORKERS_SECONDS = 10.0  # how long a cluster without workers is given
_SERVICES_SECONDS = 90.0  # a host may have to import MLflow, and to wait for what does not answer


@dataclass(frozen=True)
class HostReport:
    """What a worker reports: its host's name, code, BLAS, and clock in seconds since 1970."""

    host: str
    code: dict[str, str]
    blas: str
    clock: float


def report() -> HostReport:
    """Report of this host; called in each worker."""
    return HostReport(platform.node(), code_version(), environment()["machine.blas"], time.time())


def check_services(storage: str, tracking_uri: str) -> tuple[str, str]:
    """Check whether this host can record trials; called in each worker.

    Args:
        storage: The launch's address of the storage, used if the host has none of its own.
        tracking_uri: The launch's address of MLflow, likewise.

    Returns:
        What is wrong with the database, and with MLflow; empty if nothing is.
    """
    try:
        address = resolved(address_of_host() or storage)
        if isinstance(address, Path):
            database = f"STUDYHALL_STORAGE must name a PostgreSQL database, got {address}"
        else:
            database = "; ".join(check_database(address).problems)
    except StudyhallError as error:
        database = str(error)
    mlflow = check_server(os.environ.get("MLFLOW_TRACKING_URI") or tracking_uri)
    return redact_text(database), redact_text("; ".join(mlflow.problems))


def check_cluster(options: Options) -> Part:
    """Check whether a cluster can run trials, and report what is wrong; nothing is left there.

    Args:
        options: How a study would be run; `cluster` is the scheduler's address.
    """
    address = str(options.cluster)
    watch, facts = Stopwatch(), dict[str, str | float]()
    try:
        with closing(Cluster(address)) as cluster:
            dask = _versions(cluster.versions(LIBRARIES)["scheduler"])["distributed"]
            facts = {"version": f"Dask {dask}", "workers": len(cluster.workers())}
            remarks = _require_workers(cluster, options)
    except StudyhallError as error:
        lines = (line.removeprefix("--cluster: ") for line in str(error).splitlines())
        return Part("cluster", address, None, facts, tuple(lines))
    noted: dict[str, str | float] = {"note": "; ".join(remarks)} if remarks else {}
    return Part("cluster", address, watch.milliseconds, {**facts, **noted})


def require_cluster(options: Options, notify: Callable[[str], None]) -> None:
    """Check that a cluster can run the trials of this code, and that its hosts can record them.

    A detached launch was checked where it was submitted. It can go on although one of the workers
    has just died and would not answer.

    Args:
        options: How the study is to be run; `cluster` is the scheduler's address.
        notify: Called with each remark that the user should read.

    Raises:
        UsageError: no scheduler answers, it has no workers or some of other code, or they cannot
            reach what the study is recorded with; every mistake is a line.
    """
    if options.cluster == HERE:
        return
    problems = []
    if isinstance(options.address, Path):
        problems.append(
            "--storage: must be a PostgreSQL database with --cluster, which the cluster's hosts "
            f"reach as well, got the journal {options.address}"
        )
    uri = _tracking_uri(options)
    if urlsplit(uri).scheme not in ("http", "https"):
        problems.append(
            "--tracking-uri: must be an MLflow server with --cluster, which the cluster's hosts "
            f"reach as well, got '{redact(uri)}'"
        )
    remarks = []
    try:
        with closing(Cluster(str(options.cluster))) as cluster:
            remarks = _require_workers(cluster, options)
    except UsageError as error:
        problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    for remark in remarks:
        notify(remark)


def _tracking_uri(options: Options) -> str:
    return options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")


def _require_workers(cluster: Cluster, options: Options) -> list[str]:
    """Check the scheduler, which calls pass through, and all workers.

    Returns:
        Remarks for the user. A host that does not reach MLflow is one of them: its trials count,
        and their records are kept there.

    Raises:
        UsageError: there are no workers, or some cannot run the trials; every mistake is a line.
    """
    threads = _wait_for_workers(cluster)
    before = time.time()
    reports = cluster.ask(CONNECT_SECONDS, report)
    after = time.time()
    checked = _checked_services(cluster, options)
    problems, remarks = _version_problems(cluster), set[str]()
    for address in sorted(threads):
        worker, found = f"--cluster: worker {address}", reports.get(address, "no answer")
        if not isinstance(found, HostReport):
            problems.append(
                f"{worker} cannot run Studyhall ({reason(found)}); install this version there, "
                "with its extra `cluster`"
            )
            continue
        mistakes, noted = _host_problems(found, before, after), list[str]()
        if not mistakes:  # with other code its answer about the services means nothing
            mistakes, noted = _service_problems(checked.get(address))
        if (count := threads[address]) != 1:
            mistakes.append(
                f"must do one trial at a time, got {count} threads; start it with --nthreads 1"
            )
        problems += [f"{worker} on {found.host} {mistake}" for mistake in mistakes]
        remarks |= {f"{found.host} {remark}" for remark in (*noted, *_other_kernels(found))}
    if problems:
        raise UsageError("\n".join(problems))
    return sorted(remarks)


def _checked_services(
    cluster: Cluster, options: Options
) -> dict[str, tuple[str, str] | BaseException]:
    """What each worker finds, by its address; nothing if no other machine can reach the services.

    Passwords stay here.
    """
    address, uri = options.address, _tracking_uri(options)
    if isinstance(address, Path) or not is_server(uri):
        return {}
    given = without_password(address), without_password(uri)
    return cluster.ask(_SERVICES_SECONDS, check_services, *given)


def _wait_for_workers(cluster: Cluster) -> dict[str, int]:
    """The workers' addresses and threads; a cluster that has just started has none at first."""
    deadline = time.monotonic() + _WORKERS_SECONDS
    while not (threads := cluster.workers()):
        if time.monotonic() >= deadline:
            raise UsageError(
                f"--cluster: the cluster at {cluster.address} has no workers; start some with "
                f"`dask worker {cluster.address} --nthreads 1`"
            )
        time.sleep(0.5)
    return threads


def _version_problems(cluster: Cluster) -> list[str]:
    """A sentence for the scheduler, and for each worker, whose `LIBRARIES` are not those here."""
    found = cluster.versions(LIBRARIES)
    parts = {f"the scheduler at {cluster.address}": found["scheduler"]}
    parts |= {f"worker {address}": said for address, said in sorted(found["workers"].items())}
    own = {name: version(name) for name in LIBRARIES}
    problems = []
    for part, said in parts.items():
        theirs = _versions(said)
        if other := [name for name in LIBRARIES if theirs[name] != own[name]]:
            different = "; ".join(f"{name} {theirs[name]}, here {own[name]}" for name in other)
            problems.append(
                f"--cluster: {part} has other libraries than this launch ({different}); install "
                "the same there"
            )
    return problems


def _versions(said: Mapping[str, Mapping[str, str | None]]) -> dict[str, str]:
    return {name: said["packages"].get(name) or "missing" for name in LIBRARIES}


def _host_problems(found: HostReport, before: float, after: float) -> list[str]:
    """What is wrong with a host, which was asked at `before` and had answered at `after`."""
    problems = []
    if different := code_difference(found.code):
        problems.append(f"runs other code than this launch ({different}); install the same there")
    ahead = max(0.0, found.clock - after) - max(0.0, before - found.clock)
    if abs(ahead) > CLOCK_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        problems.append(
            f"has a clock {abs(ahead):,.0f} s {way} this machine's, so that the times of its runs "
            "would be wrong; set the clocks (NTP)"
        )
    return problems


def _service_problems(
    found: tuple[str, str] | BaseException | None,
) -> tuple[list[str], list[str]]:
    """What is wrong with the services as a host sees them, and remarks on them."""
    if isinstance(found, BaseException):
        return [f"did not report whether it reaches the database ({reason(found)}); try again"], []
    database, mlflow = found or ("", "")
    problems, remarks = [], []
    if database:
        problems.append(
            f"cannot use the database ({database}); check its STUDYHALL_STORAGE, and the "
            "password in PGPASSWORD or ~/.pgpass there"
        )
    if mlflow:
        remarks.append(
            f"cannot use MLflow ({mlflow}), so its records would be kept there; check its "
            "MLFLOW_TRACKING_URI, and the user and password"
        )
    return problems, remarks


def _other_kernels(found: HostReport) -> Iterator[str]:
    if found.blas != environment()["machine.blas"]:
        yield (
            f"has other BLAS kernels ({found.blas}) than this machine, so the last bits of results "
            "depend on the host that trains; set OPENBLAS_CORETYPE to make them alike"
        )
