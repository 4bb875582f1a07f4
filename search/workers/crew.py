"""Who does a launch's trials: worker processes of this machine, or those of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib.util import find_spec
from typing import Protocol

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.sync.courier import Unsent
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.execution import abandon, work
from studyhall.search.workers.workers import Ended, Order, run_workers


class Crew(Protocol):
    """What does the trials of one launch.

    Attributes:
        size: How many trials it does at once.
    """

    size: int

    def results(self, order: Callable[[], Order]) -> Generator[Ended]:
        """Do trials until `order` says otherwise; yield what each died of, or None.

        Args:
            order: Asked before each trial, and every half second between.
        """

    def drain(self, seconds: float) -> list[Unsent]:
        """See what trials left on other machines sent from there; return what waits still."""

    def heard(self) -> set[str]:
        """The machines of which the last `drain` showed that nothing waits there any more."""

    def restore(self, number: int) -> None:
        """Make the record of a finished trial again, where records of this launch wait.

        Raises:
            StudyhallError: the trial came out another way, as on another kind of machine.
        """

    def leave(self) -> None:
        """Have no one go on with a trial of this launch, which ends at once."""

    def close(self) -> None:
        """Let go of the crew; the launch has ended."""


class LocalCrew:
    """Worker processes of this machine, whose records the launch itself sends."""

    def __init__(self, tracked: TrackedStudy, options: Options) -> None:
        self.size = options.workers
        self._tracked = tracked
        self._threads = options.blas_threads

    def results(self, order: Callable[[], Order]) -> Generator[Ended]:
        """See `Crew`."""
        job = (self._tracked.job,)
        return run_workers(work, job, self.size, self._threads, order, abandon)

    def drain(self, seconds: float) -> list[Unsent]:
        """See `Crew`; nothing is elsewhere."""
        return []

    def heard(self) -> set[str]:
        """See `Crew`."""
        return set()

    def restore(self, number: int) -> None:
        """See `Crew`."""
        self._tracked.restore(number)

    def leave(self) -> None:
        """See `Crew`; the processes are gone by then."""

    def close(self) -> None:
        """See `Crew`; nothing is open."""


def open_crew(tracked: TrackedStudy, options: Options) -> Crew:
    """The crew that a launch is to have.

    Raises:
        UsageError: its cluster does not answer.
    """
    if options.cluster is None:
        return LocalCrew(tracked, options)
    from studyhall.search.workers.cluster_crew import ClusterCrew

    return ClusterCrew(tracked, options)


def require_crew(options: Options, notify: Callable[[str], None]) -> None:
    """See, before any work starts, that the crew which a launch is to have can do its work.

    Args:
        options: How the study is to be run.
        notify: Told what the user should know besides.

    Raises:
        UsageError: it cannot; every mistake, a line each.
    """
    if options.cluster is None:
        return
    require_dask()
    from studyhall.search.workers.cluster_crew import require_cluster

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
