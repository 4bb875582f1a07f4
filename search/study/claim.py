"""What the storage holds of a trial's worker."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import FrozenTrial
from pydantic import BaseModel, ConfigDict, ValidationError

CLAIM = "studyhall.claim"  # the trial's attribute


class Claim(BaseModel):
    """What a trial that is not finished says of its worker.

    `owner` is empty once the trial was given back; `attempt` counts from 1; `deaths` are the
    workers in a row that died of the trial without getting further; `progress` is what there was
    of it when the attempt began; a live worker raises `beat` every few seconds, and says at what
    second since 1970, by its own clock; `trouble` is what the last of the dead said of its end.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    owner: str
    attempt: int
    deaths: int = 0
    progress: int = 0
    beat: int = 0
    last_beat_at: float = 0.0
    trouble: str | None = None


@dataclass(frozen=True)
class Claimed:
    """A trial that is this worker's to run."""

    number: int
    trial_id: int
    attempt: int
    deaths: int
    trouble: str | None = None


def claim_of(trial: FrozenTrial) -> Claim | None:
    """The claim on a trial; None if there is none, or none that this program made."""
    try:
        return Claim.model_validate(trial.user_attrs.get(CLAIM))
    except ValidationError:
        return None
