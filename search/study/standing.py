"""What a study's record says of its trials, in the form that MLflow's runs are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studyhall.search.config.section import Scalar
from studyhall.search.training.trial import TrialState


@dataclass(frozen=True)
class TrialStanding:
    """Where one trial stands.

    Attributes:
        number: The trial.
        state: How it ended; None if it has not.
        reason: Why it was pruned or failed.
        value: Its value, if it has one.
        parameters: What it was given of the search space.
        attempt: The attempt whose result was entered; None if none was.
        weights_sha256: The digest of its weights, if it left any.
        live_attempt: The attempt that a worker is at now; None if none is.
    """

    number: int
    state: TrialState | None = None
    reason: str | None = None
    value: float | None = None
    parameters: Mapping[str, Scalar] | None = None
    attempt: int | None = None
    weights_sha256: str | None = None
    live_attempt: int | None = None
