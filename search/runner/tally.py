"""What a launch shows of its study: the trials by state, the best one, and the time left."""

from __future__ import annotations

import math
from collections.abc import Callable

from studyhall.search.common.words import format_value
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.summary import Best, StudySummary
from studyhall.search.study.trial_result import TrialResult

UNKNOWN = "-:--:--"


class TimeLeft:
    """Counts down from one trial to the next; as text, hours, minutes and seconds.

    The time is unknown until as many trials have ended as there are workers: of several that began
    together, the first to end would count as all the work of that time.

    Args:
        clock: Seconds that only grow.
        trials: How many are to end yet.
        workers: How many trials run at a time.
    """

    def __init__(self, clock: Callable[[], float], trials: int, workers: int) -> None:
        self._clock = clock
        self._trials = trials
        self._workers = max(workers, 1)
        self._began = self._latest = clock()
        self._ended = 0

    def trial(self) -> None:
        """Count a trial that ended, in this launch or in another of the same study."""
        self._ended += 1
        self._latest = self._clock()

    @property
    def seconds(self) -> float | None:
        """The seconds left; None while they are unknown."""
        missing = self._trials - self._ended
        if missing <= 0:
            return 0.0
        if self._ended < self._workers:
            return None
        usual = (self._latest - self._began) / self._ended
        return max(usual * missing - (self._clock() - self._latest), 0.0)

    def __str__(self) -> str:
        if self.seconds is None:
            return UNKNOWN
        minutes, seconds = divmod(math.ceil(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}"


class Tally:
    """The counts of a running study, and its best trial."""

    def __init__(self, spec: StudySpec, summary: StudySummary) -> None:
        self.wanted = summary.wanted
        self.latest: TrialResult | None = None
        self._rank = spec.study.rank
        self._states = {name: getattr(summary, name) for name in ("complete", "pruned", "failed")}
        self._best = summary.best

    @property
    def finished(self) -> int:
        """How many trials have ended."""
        return sum(self._states.values())

    def add(self, result: TrialResult) -> None:
        """Count a finished trial."""
        self.latest = result
        self._states[result.state] += 1
        if result.state != "complete" or result.value is None:
            return
        if self._best is None or self._rank(result.value) < self._rank(self._best.value):
            self._best = Best(result.number, result.value, dict(result.parameters))

    @property
    def counts(self) -> str:
        """The finished trials by state."""
        return ", ".join(f"{count} {state}" for state, count in self._states.items())

    @property
    def best_value(self) -> str:
        """The best trial so far."""
        return f"best {self._best.value:.4f} (trial {self._best.number})" if self._best else ""

    @property
    def best_parameters(self) -> str:
        """What the best trial so far was given."""
        parameters = self._best.parameters if self._best else {}
        return ", ".join(f"{name} {format_value(value)}" for name, value in parameters.items())


def trial_line(result: TrialResult) -> str:
    """A finished trial in a line; the seconds of one that was given up are not known."""
    value = f" {result.value:.4f}" if result.value is not None else ""
    time = "" if result.seconds is None else f" in {result.seconds:.1f} s"
    why = f" ({result.reason})" if result.state == "failed" else ""
    return f"trial {result.number} {result.state}{value}{time}{why}"
