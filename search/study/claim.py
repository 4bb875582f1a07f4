"""What the storage holds of a trial's worker."""

from __future__ import annotations

from optuna.trial import FrozenTrial
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

CLAIM = "studyhall.claim"  # the trial's attribute


class Claim(BaseModel):
    """The worker of a trial that has not finished, as the trial's attribute records it.

    Attributes:
        number: The trial.
        trial_id: The storage's id of the trial.
        owner: The worker's process; empty once the trial was given back.
        attempt: Which attempt at the trial this is, counted from 1.
        deaths: How many workers in a row died at the trial without getting further.
        progress: How much of the trial was saved when the attempt began.
        beat_count: A live worker adds 1 every few seconds. Version 0.1.0 called it `beat`.
        last_beat_at: When that was last, in seconds since 1970 by the worker's own clock. Version
            0.1.0 called it `beaten`.
        trouble: Why the last worker that died did so, if that is known.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    number: int = Field(exclude=True)
    trial_id: int = Field(exclude=True)
    owner: str
    attempt: int
    deaths: int = 0
    progress: int = 0
    beat_count: int = Field(0, validation_alias=AliasChoices("beat_count", "beat"))
    last_beat_at: float = Field(0.0, validation_alias=AliasChoices("last_beat_at", "beaten"))
    trouble: str | None = None


def claim_of(trial: FrozenTrial) -> Claim | None:
    """The claim on a trial; None if there is none, or none that this program made."""
    try:
        recorded = trial.user_attrs[CLAIM]
        return Claim(**{**recorded, "number": trial.number, "trial_id": trial._trial_id})
    except (KeyError, TypeError, ValidationError):
        return None
