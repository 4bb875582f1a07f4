"""How trials ended, as the storage has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from studyhall.search.config.section import Scalar
from studyhall.search.study.standing import TrialStanding
from studyhall.search.training.trial import TrialState as TrialOutcome

ATTEMPT = "studyhall.attempt"  # the attempt whose result is the trial's
WEIGHTS = "weights_sha256"
STATES: dict[TrialOutcome, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; `seconds` is what it took to train."""

    number: int
    state: TrialOutcome
    value: float | None
    parameters: Mapping[str, Scalar]
    reason: str | None
    seconds: float


def outcome_of(trial: FrozenTrial) -> Outcome:
    """How a finished trial ended."""
    return Outcome(
        number=trial.number,
        state=next(name for name, state in STATES.items() if state is trial.state),
        value=trial.value,
        parameters=dict(trial.params),
        reason=trial.user_attrs.get("reason"),
        seconds=float(trial.user_attrs.get("seconds", 0.0)),
    )


def standing_of(trial: FrozenTrial, live_attempt: int | None) -> TrialStanding:
    """Where a trial stands, for a comparison with its runs."""
    if not trial.state.is_finished():
        return TrialStanding(trial.number, live_attempt=live_attempt)
    outcome, attributes = outcome_of(trial), trial.user_attrs
    return TrialStanding(
        number=trial.number,
        state=outcome.state,
        reason=outcome.reason,
        value=outcome.value,
        parameters=outcome.parameters,
        attempt=attributes.get(ATTEMPT),
        weights_sha256=attributes.get(WEIGHTS),
    )
