"""The workers of a Dask cluster as the pool of a launch."""

from __future__ import annotations

import io
import os
import tarfile
import uuid
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studyhall.search.common.addresses import redact, without_password
from studyhall.search.common.environment import code_version
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.options import Options
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.cluster import HERE, Cluster
from studyhall.search.workers.cluster_workers import run_on_cluster
from studyhall.search.workers.host import (
    Assignment,
    close_host,
    drain_host,
    finish_host,
    leave_host,
    restore_on_host,
    work_on_host,
)
from studyhall.search.workers.host_services import services_of
from studyhall.search.workers.worker_check import require_workers
from studyhall.search.workers.workers import Action, Ended, HostUnfit

_SLACK_SECONDS = 10.0  # for opening what a drain needs
_LEAVE_SECONDS = 7.0
_CLOSE_SECONDS = 1.0  # someone who ends a launch waits for it, and what is not closed does no harm


class DaskPool:
    """Workers of any number of hosts, each of which sends what its trials leave.

    Args:
        tracked: The study.
        options: How to run it; `cluster` is the scheduler's address.

    Raises:
        UsageError: no scheduler answers.
    """

    def __init__(self, tracked: TrackedStudy, options: Options) -> None:
        self._cluster = Cluster(str(options.cluster))
        window = tracked.study.spec.study.window
        self.size = options.jobs or max(1, self._cluster.look())
        self._most = options.jobs or window  # workers beyond it would find no trial
        self._heard: set[str] = set()
        self._tracked = tracked
        run = tracked.tracker.study_run
        self._assignment = Assignment(
            job=tracked.job.handed_on(),
            study_id=tracked.study.study_id,
            study_run=replace(run, uri=without_password(run.uri)),
            blas_threads=options.blas_threads,
            code=tuple(code_version().items()),
            launch=uuid.uuid4().hex,
        )
        self._told: set[str] = set()  # the workers that are to begin no more

    def results(self, order: Callable[[], Action]) -> Generator[Ended]:
        """See `WorkerPool`."""

        def heeded() -> Action:
            if (now := order()) is Action.DRAIN:
                self._begin_no_more()
            return now

        arguments = (self._assignment,)
        return run_on_cluster(self._cluster, work_on_host, arguments, self._most, heeded)

    def _begin_no_more(self) -> None:
        """Tell the workers: calls of those that went away wait at the others, or at new ones."""
        with suppress(StudyhallError):
            new = set(self._cluster.workers()) - self._told
            self._told |= new
            if new:
                launch = self._assignment.launch
                self._cluster.ask(_LEAVE_SECONDS, finish_host, launch, workers=sorted(new))

    def drain(self, seconds: float) -> list[FailedUpload]:
        """See `WorkerPool`; a host that is gone has nothing to say."""
        self._heard = set()
        if not self._cluster.answers:
            self._cluster.reconnect()
        self._cluster.look()
        asked = self._cluster.ask(seconds + _SLACK_SECONDS, drain_host, self._assignment, seconds)
        mute = [address for address, said in asked.items() if isinstance(said, BaseException)]
        if mute:
            raise StudyhallError(
                f"worker {mute[0]} did not say what it has not sent ({asked[mute[0]]!r}); launch "
                "again when that is mended"
            )
        self._heard = set(self._cluster.hosts)  # those that are gone keep what they have
        waiting = {
            (one.number, one.attempt): one
            for said in asked.values()
            if not isinstance(said, BaseException)
            for one in said
        }
        return [waiting[key] for key in sorted(waiting)]

    def drained_hosts(self) -> set[str]:
        """See `WorkerPool`; what hosts that went away had not sent is lost."""
        return self._heard

    def restore(self, number: int) -> None:
        """See `WorkerPool`; a worker does it, since the study's trials are those of its kind."""
        outbox = self._tracked.job.outbox
        try:
            packed = self._restored(number)
        except StudyhallError:
            raise
        except Exception as error:  # whatever the worker raised, which Dask passes on
            raise StudyhallError(_lost(number, type(error).__name__)) from error
        outbox.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(outbox, filter="data")

    def _restored(self, number: int) -> bytes:
        """What the first worker that is fit for it makes of a trial again."""
        tried, why = set[str](), "there is no worker"
        while untried := set(self._cluster.workers()) - tried:
            key = f"restore-{self._assignment.study_id}-{number}-{len(tried)}"
            given = (self._assignment, number)
            future = self._cluster.submit(restore_on_host, *given, key=key, workers=untried)
            found = self._awaited(future, untried)
            if not isinstance(found, HostUnfit):
                return bytes(found)
            why = found.trouble
            tried |= self._cluster.who_did(future) or untried
        raise StudyhallError(_lost(number, why))

    def _awaited(self, future: Any, asked: set[str]) -> Any:
        """What one of the workers comes to; not for ever if they went away."""
        while True:
            try:
                return future.result(timeout=INTERVALS.order)
            except TimeoutError:
                if future.done():  # just now, or by a time limit of its own
                    return future.result()
                if not self._cluster.answers:
                    raise
                if asked.isdisjoint(self._cluster.workers()):
                    return HostUnfit("its worker went away")

    def leave(self) -> None:
        """See `WorkerPool`."""
        if self._cluster.answers:
            given = self._assignment
            self._cluster.ask(_LEAVE_SECONDS, leave_host, given.study_id, given.launch)

    def close(self) -> None:
        """See `WorkerPool`; the hosts let go of the study, too."""
        given = self._assignment
        with suppress(StudyhallError):
            if self._cluster.answers:
                self._cluster.ask(
                    _CLOSE_SECONDS, close_host, given.study_id, given.launch, reach=_CLOSE_SECONDS
                )
        self._cluster.close()


def _lost(number: int, why: str) -> str:
    return (
        f"trial {number}: its record is lost, and the cluster did not train it again ({why}); "
        "launch again"
    )


def require_cluster(options: Options, notify: Callable[[str], None]) -> None:
    """See that a cluster can do the trials of this code, and that its hosts can record them.

    Args:
        options: How the study is to be run; `cluster` is the scheduler's address.
        notify: Told what the user should know besides.

    A launch that was left to the cluster was looked at by who left it there. It may go on when one
    of its workers has just died, which would not answer.

    Raises:
        UsageError: no scheduler answers, its workers are none or of other code, or the study would
            be recorded where they cannot reach; every mistake, a line each.
    """
    if options.cluster == HERE:
        return
    problems = []
    if isinstance(options.address, Path):
        problems.append(
            "--storage: must be a PostgreSQL database with --cluster, which the cluster's hosts "
            f"reach as well, got the journal {options.address}"
        )
    uri = options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    services = services_of(options.address, uri)
    if urlsplit(uri).scheme not in ("http", "https"):
        problems.append(
            "--tracking-uri: must be an MLflow server with --cluster, which the cluster's hosts "
            f"reach as well, got '{redact(uri)}'"
        )
    try:
        cluster = Cluster(str(options.cluster))
        with closing(cluster):
            notes = require_workers(cluster, services)
    except UsageError as error:
        problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    for note in notes:
        notify(note)
