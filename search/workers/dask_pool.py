"""The worker pool of a Dask cluster, each of whose hosts sends the records of its own trials."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from studyhall.search.common.addresses import without_password
from studyhall.search.common.environment import code_version
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.options import Options
from studyhall.search.sync.outbox_uploader import FailedUpload, OutboxUploader
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.cluster import Cluster
from studyhall.search.workers.cluster_calls import run_on_cluster
from studyhall.search.workers.host import Host, on_host
from studyhall.search.workers.host_session import Assignment
from studyhall.search.workers.pool import Action, UnusableHost, WorkerPool, WorkResult
from studyhall.search.workers.shutdown import abort_launch

_SLACK_SECONDS = 10.0  # for opening what a drain needs
_ABORT_SECONDS = 7.0
_CLOSE_SECONDS = 1.0  # a user who stops a launch waits for it, and an open study does no harm


class DaskPool(WorkerPool):
    """Workers of any number of hosts.

    Args:
        tracked: The study.
        options: How to run it; `cluster` is the scheduler's address.

    Raises:
        UsageError: no scheduler answers.
    """

    def __init__(self, tracked: TrackedStudy, options: Options) -> None:
        self._cluster = Cluster(str(options.cluster))
        window = tracked.study.spec.study.window
        self.size = options.jobs or max(1, self._cluster.count_workers())
        self._most = options.jobs or window  # workers beyond it would find no trial
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
        self._draining: set[str] = set()  # the workers that were told to begin no more trials

    def results(self, next_action: Callable[[], Action]) -> Generator[WorkResult]:
        """See `WorkerPool`."""

        def passed_on() -> Action:
            if (action := next_action()) is Action.DRAIN:
                self._begin_no_more()
            return action

        call = Host.work, self._assignment
        return run_on_cluster(self._cluster, on_host, call, self._most, passed_on)

    def _begin_no_more(self) -> None:
        """Tell the workers: Dask gives the calls of workers that died to others, or to new ones."""
        with suppress(StudyhallError):
            new = set(self._cluster.workers()) - self._draining
            self._draining |= new
            if new:
                call = on_host, Host.finish, self._assignment.launch
                self._cluster.ask(_ABORT_SECONDS, *call, workers=sorted(new))

    def drain(self, seconds: float) -> tuple[list[FailedUpload], set[str]]:
        """See `WorkerPool`; records on hosts that left the cluster are not counted.

        Raises:
            StudyhallError: a worker did not answer.
        """
        if not self._cluster.answers:
            self._cluster.reconnect()
        self._cluster.count_workers()
        call = on_host, Host.drain, self._assignment, seconds
        answers = self._cluster.ask(seconds + _SLACK_SECONDS, *call)
        unsent = dict[tuple[int, int], FailedUpload]()
        for address, answer in answers.items():
            if isinstance(answer, BaseException):
                raise StudyhallError(
                    f"worker {address} did not report its unsent records ({answer!r}); fix that "
                    "and launch again"
                )
            unsent |= {(record.number, record.attempt): record for record in answer}
        return [unsent[key] for key in sorted(unsent)], set(self._cluster.hosts)

    def restore(self, number: int) -> None:
        """See `WorkerPool`; a worker trains it, since the study's trials ran on such hosts."""
        outbox = self._tracked.job.outbox
        try:
            packed = self._restored(number)
        except StudyhallError:
            raise
        except Exception as error:  # any error of the worker, which Dask passes on
            raise StudyhallError(_lost(number, type(error).__name__)) from error
        outbox.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(outbox, filter="data")

    def _restored(self, number: int) -> bytes:
        """The record that the first usable worker makes."""
        tried, why, client = set[str](), "there is no worker", self._cluster.client
        while untried := set(self._cluster.workers()) - tried:
            key = f"restore-{self._assignment.study_id}-{number}-{len(tried)}"
            call, limits = (on_host, Host.restore, self._assignment, number), sorted(untried)
            future = client.submit(*call, key=key, pure=False, workers=limits)
            result = self._result(future, untried)
            if not isinstance(result, UnusableHost):
                return bytes(result)
            why = result.trouble
            tried |= {one for held in client.who_has([future]).values() for one in held} or untried
        raise StudyhallError(_lost(number, why))

    def _result(self, future: Any, asked: set[str]) -> Any:
        """The result of a call to one of some workers; no waiting for workers that are gone."""
        while True:
            try:
                return future.result(timeout=INTERVALS.order)
            except TimeoutError:
                if future.done():  # just now, or by a time limit of its own
                    return future.result()
                if not self._cluster.answers:
                    raise
                if asked.isdisjoint(self._cluster.workers()):
                    return UnusableHost("its worker went away")

    def abort(self, uploader: OutboxUploader) -> bool:
        """See `WorkerPool`."""
        return abort_launch(self._tracked, uploader, abort_elsewhere=self._abort_hosts)

    def _abort_hosts(self) -> None:
        given = self._assignment
        call = on_host, Host.abort, given.study_id, given.launch
        if self._cluster.answers:
            self._cluster.ask(_ABORT_SECONDS, *call)
        else:  # a detached launch can run in the process of a worker, which has a trial of its own
            on_host(*call[1:])

    def close(self) -> None:
        """See `WorkerPool`; the hosts close the study, too."""
        given = self._assignment
        with suppress(StudyhallError):
            if self._cluster.answers:
                call = on_host, Host.close, given.study_id, given.launch
                self._cluster.ask(_CLOSE_SECONDS, *call, reach=_CLOSE_SECONDS)
        self._cluster.close()


def _lost(number: int, why: str) -> str:
    return (
        f"trial {number}: its record is lost, and the cluster did not train it again ({why}); "
        "launch again"
    )
