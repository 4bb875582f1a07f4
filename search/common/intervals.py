"""How often workers and launches look at one another, and how long silence counts as life."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from studyhall.search.common.errors import UsageError

VARIABLE = "STUDYHALL_INTERVALS"


@dataclass(frozen=True)
class Intervals:
    """Seconds; every process of a study should use the same.

    Attributes:
        beat: Between two heartbeats of a worker that trains.
        grace: A worker whose heartbeat has been missing for this long counts as dead.
        attention: A process that has not read the claims for this long knows nothing of earlier
            heartbeats, and starts to measure silence anew.
        hung: A launch kills its own worker after this silence: before others count it as dead.
        listen: Between two looks of a launch at the heartbeats; less than `grace - hung`.
        order: Between two looks of a launch at its orders while all its workers are busy.
        cluster: Between two looks at the cluster's scheduler and its workers.
        claim: How long a worker without a trial waits for one before it returns to its launch.
        parent: Between two looks of a worker process at whether its parent still runs.
        unfit: How long a host on which nothing works pauses before it takes another trial.
    """

    beat: float = 5.0
    grace: float = 20.0
    attention: float = 10.0
    hung: float = 15.0
    listen: float = 2.0
    order: float = 0.5
    cluster: float = 1.0
    claim: float = 1.0
    parent: float = 1.0
    unfit: float = 5.0

    def scaled(self, factor: float) -> Intervals:
        """The same intervals, all of them `factor` times as long."""
        return Intervals(**{f.name: factor * getattr(self, f.name) for f in fields(self)})


def intervals_from_environment() -> Intervals:
    """The usual intervals, scaled by the environment variable STUDYHALL_INTERVALS if it is set.

    Raises:
        UsageError: the variable is no positive number.
    """
    value = os.environ.get(VARIABLE) or "1"
    try:
        factor = float(value)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise UsageError(f"{VARIABLE}: must be a positive number such as 0.1, got '{value}'")
    return Intervals().scaled(factor)


INTERVALS = intervals_from_environment()
