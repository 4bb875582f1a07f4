"""What a launch and its worker pool say to each other, whichever pool it is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # worker processes import this module, and need neither of them
    from studyhall.search.sync.outbox_uploader import FailedUpload, OutboxUploader


class Action(Enum):
    """What the workers do next: go on, finish the trials that run, or stop where they are."""

    CONTINUE = 1
    DRAIN = 2
    STOP = 3


@dataclass(frozen=True)
class WorkerDied:
    """In place of a result: a worker process was killed, by a user or for want of memory.

    Another process takes its place.
    """

    trouble: str = "a worker process was killed, or the memory ran out"


@dataclass(frozen=True)
class UnusableHost:
    """In place of a result: why a host cannot run trials; other hosts may be able to."""

    trouble: str


@dataclass(frozen=True)
class ClusterUnavailable:
    """In place of a result: no worker of the cluster can be reached; the pool waits for one."""

    trouble: str


# What a call to run a trial gives: nothing, an error that a trial raised, or why none was run.
WorkResult = str | UnusableHost | ClusterUnavailable | WorkerDied | None


class Drained(NamedTuple):
    """What other machines have of a launch's records.

    Attributes:
        unsent: The records that could not be sent to MLflow from there.
        hosts: The names of the machines that were asked, and have no other records.
    """

    unsent: list[FailedUpload]
    hosts: set[str]


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

    def drain(self, seconds: float) -> Drained:
        """Have the records that trials left on other machines sent from there."""

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
