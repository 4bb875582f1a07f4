"""Who does a launch's trials: worker processes of this machine, or those of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib.util import find_spec
from typing import Protocol

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.execution import abandon, work
from studyhall.search.workers.workers import Action, Ended, run_workers


class WorkerPool(Protocol):
    """What does the trials of one launch.

    Attributes:
        size: How many trials it does at once.
    """

    size: int

    def results(self, order: Callable[[], Action]) -> Generator[Ended]:
        """Do trials until `order` says otherwise; yield what each died of, or None.

        Args:
            order: Asked before each trial, and every half second between.
        """

    def drain(self, seconds: float) -> list[FailedUpload]:
        """See what trials left on other machines sent from there; return what waits still."""

    def drained_hosts(self) -> set[str]:
        """The machines of which the last `drain` showed that nothing waits there any more."""

    def restore(self, number: int) -> None:
        """Make the record of a finished trial again, where records of this launch wait.

        Raises:
            StudyhallError: the trial came out another way, as on another kind of machine.
        """

    def leave(self) -> None:
        """Have no one go on with a trial of this launch, which ends at once."""

    def close(self) -> None:
        """Let go of the pool; the launch has ended."""


class LocalPool:
    """Worker processes of this machine, whose records the launch itself sends."""

    def __init__(self, tracked: TrackedStudy, options: Options) -> None:
        self.size = options.workers
        self._tracked = tracked
        self._threads = options.blas_threads

    def results(self, order: Callable[[], Action]) -> Generator[Ended]:
        """See `WorkerPool`."""
        job = (self._tracked.job,)
        return run_workers(work, job, self.size, self._threads, order, abandon)

    def drain(self, seconds: float) -> list[FailedUpload]:
        """See `WorkerPool`; nothing is elsewhere."""
        return []

    def drained_hosts(self) -> set[str]:
        """See `WorkerPool`."""
        return set()

    def restore(self, number: int) -> None:
        """See `WorkerPool`."""
        self._tracked.restore(number)

    def leave(self) -> None:
        """See `WorkerPool`; the processes are gone by then."""

    def close(self) -> None:
        """See `WorkerPool`; nothing is open."""


def open_pool(tracked: TrackedStudy, options: Options) -> WorkerPool:
    """The pool that a launch is to have.

    Raises:
        UsageError: its cluster does not answer.
    """
    if options.cluster is None:
        return LocalPool(tracked, options)
    from studyhall.search.workers.dask_pool import DaskPool

    return DaskPool(tracked, options)


def require_pool(options: Options, notify: Callable[[str], None]) -> None:
    """See, before any work starts, that the pool which a launch is to have can do its work.

    Args:
        options: How the study is to be run.
        notify: Told what the user should know besides.

    Raises:
        UsageError: it cannot; every mistake, a line each.
    """
    if options.cluster is None:
        return
    require_dask()
    from studyhall.search.workers.dask_pool import require_cluster

    require_cluster(options, notify)


def require_dask() -> None:
    """See that there is Dask, which only a cluster needs.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec("distributed") is None:
        raise UsageError(
            "--cluster: needs Dask, which is not installed; `pip install 'studyhall[cluster]'`"
        )
