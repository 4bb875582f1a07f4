"""What the storage records of a trial, in plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from optuna.trial import FrozenTrial, TrialState

from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import StudySpec

ATTEMPT = "studyhall.attempt"  # the attempt whose result is the trial's
ENTERED = "studyhall.entered"  # seconds since 1970: Optuna's own times do not name their time zone
WEIGHTS = "weights_sha256"
State = Literal["complete", "pruned", "failed", "unfinished"]
STATES: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
_NAMES = {state: name for name, state in STATES.items()}


@dataclass(frozen=True)
class TrialResult:
    """What the storage records of one trial.

    Attributes:
        number: The trial.
        state: How it ended; "unfinished" while it runs or is interrupted.
        value: Its value; that of a pruned trial is its last.
        parameters: The values it was given of the search space.
        reason: Why it was pruned or failed.
        seconds: How long it trained; None if that is not known, as of a trial that is unfinished
            or was given up because its workers died.
        curve: The study's metric by epoch, as far as it was reported.
        started: When it was begun, in UTC.
        ended: When its result was entered, in UTC.
        attempt: The attempt whose result was entered; None if none was.
        live_attempt: The attempt that a worker trains now; None if none does, or none was sought.
        weights_sha256: The digest of its weights, if it left any.
    """

    number: int
    state: State = "unfinished"
    value: float | None = None
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    reason: str | None = None
    seconds: float | None = None
    curve: Mapping[int, float] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None
    attempt: int | None = None
    live_attempt: int | None = None
    weights_sha256: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the trial has ended."""
        return self.state != "unfinished"

    @property
    def epochs(self) -> int:
        """How many epochs it was trained for, as far as its metric was reported."""
        return max(self.curve, default=0)


def result_of(trial: FrozenTrial, live_attempt: int | None = None) -> TrialResult:
    """Read the result of a trial; one that has not ended has no reason, value or end yet.

    Args:
        trial: The trial as the storage has it.
        live_attempt: The attempt that a worker trains now, if one does.
    """
    ended, started = trial.state.is_finished(), trial.datetime_start
    entered = trial.user_attrs if ended else {}  # a crash may have left some of them unfinished
    at = entered.get(ENTERED)
    return TrialResult(
        number=trial.number,
        state=_NAMES.get(trial.state, "unfinished"),
        value=trial.value if ended else None,
        parameters=dict(trial.params),
        reason=entered.get("reason"),
        seconds=float(entered.get("seconds", 0.0)) or None,
        curve=dict(sorted(trial.intermediate_values.items())),
        started=started.astimezone(UTC) if started else None,
        ended=datetime.fromtimestamp(at, UTC) if at else None,
        attempt=entered.get(ATTEMPT),
        live_attempt=None if ended else live_attempt,
        weights_sha256=trial.user_attrs.get(WEIGHTS),
    )


def best_first(results: Iterable[TrialResult], spec: StudySpec) -> list[TrialResult]:
    """Sort trials from best to worst: complete ones, pruned ones, then those without a value."""

    def rank(one: TrialResult) -> tuple[bool, bool, float, int]:
        return one.state != "complete", one.value is None, spec.study.rank(one.value), one.number

    return sorted(results, key=rank)
