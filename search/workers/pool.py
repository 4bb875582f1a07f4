"""What every worker pool does, and what it and its launch say to each other."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options

if TYPE_CHECKING:  # worker processes import this module, and need neither of them
    from studyhall.search.sync.outbox_uploader import FailedUpload, OutboxUploader


class Action(Enum):
    """What the workers do next: go on, finish the trials that run, or stop where they are."""

    CONTINUE = 1
    DRAIN = 2
    STOP = 3


@dataclass(frozen=True)
class UnusableHost:
    """In place of a result: why a host cannot run trials; other hosts may be able to."""

    trouble: str


@dataclass(frozen=True)
class ClusterUnavailable:
    """In place of a result: no worker of the cluster can be reached; the pool waits for one."""

    trouble: str


# What a call to run a trial gives: nothing, an error that ended a trial or its worker, or why no
# trial was run.
WorkResult = str | UnusableHost | ClusterUnavailable | None


class WorkerPool(Protocol):
    """The workers that run the trials of one launch.

    Attributes:
        size: How many trials run at once.
    """

    size: int

    def results(self, next_action: Callable[[], Action]) -> Generator[WorkResult]:
        """Run trials until there is no more to do, and yield the result of each call.

        Args:
            next_action: Asked before each trial, and every half second while trials run.
        """

    def drain(self, seconds: float) -> tuple[list[FailedUpload], set[str]]:
        """Have the records that trials left on other machines sent from there, if there are any.

        Returns:
            The records that could not be sent to MLflow, and the names of the machines asked.
        """
        return [], set()

    def restore(self, number: int) -> None:
        """Train a finished trial again, and put its record into this machine's outbox.

        Raises:
            StudyhallError: the result is another one, as on another kind of machine.
        """

    def abort(self, uploader: OutboxUploader) -> bool:
        """End the launch at once, within seconds: no trial stays claimed, no run RUNNING.

        Args:
            uploader: What sends this machine's records.

        Returns:
            Whether MLflow knows of all that ended.
        """

    def close(self) -> None:
        """Release what the pool holds; the launch has ended."""
        return


def require_pool(options: Options, notify: Callable[[str], None]) -> None:
    """Check, before any work starts, that the pool for these options can run trials.

    Args:
        options: How the study is to be run.
        notify: Called with each remark that the user should read.

    Raises:
        UsageError: it cannot; every mistake is a line.
    """
    if options.cluster is None:
        return
    require_dask()
    from studyhall.search.workers.cluster_check import require_cluster

    require_cluster(options, notify)


def require_dask() -> None:
    """Check that Dask is installed, which a cluster alone needs.

    Raises:
        UsageError: it is not.
    """
    if find_spec("distributed") is None:
        raise UsageError(
            "--cluster: needs Dask, which is not installed; `pip install 'studyhall[cluster]'`"
        )
