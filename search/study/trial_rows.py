"""The trials of a recorded study in plain values, for reports, tables and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.claim import claim_of
from studyhall.search.study.outcomes import WEIGHTS, outcome_of
from studyhall.search.study.study import ENTERED, Study


@dataclass(frozen=True)
class TrialRow:
    """What the storage says of one trial.

    Attributes:
        number: The trial.
        state: How it ended; "unfinished" while it runs or is interrupted.
        reason: Why it was pruned or failed.
        value: Its value; that of a pruned trial is its last.
        parameters: What it was given of the search space.
        curve: The study's metric by epoch, as far as it was looked at.
        seconds: What it took to train; None if that is not known, as of a trial that is unfinished
            or was given up for the workers that died of it.
        started: When it was begun, by the clock of this machine's time zone.
        ended: When its outcome was entered.
        weights_sha256: The digest of its weights, if it left any.
    """

    number: int
    state: Literal["complete", "pruned", "failed", "unfinished"]
    reason: str | None
    value: float | None
    parameters: Mapping[str, Scalar]
    curve: Mapping[int, float]
    seconds: float | None
    started: datetime | None
    ended: datetime | None
    weights_sha256: str | None

    @property
    def epochs(self) -> int:
        """How many epochs it was trained for, as far as its metric was looked at."""
        return max(self.curve, default=0)


def trial_rows(study: Study) -> list[TrialRow]:
    """Every trial that was begun, in the order of their numbers."""
    return [
        _row(trial)
        for trial in study.trials()
        if trial.state.is_finished() or claim_of(trial) is not None
    ]


def best_first(rows: list[TrialRow], spec: StudySpec) -> list[TrialRow]:
    """The trials from the best to the worst: complete ones, pruned ones, then those of no value."""

    def rank(row: TrialRow) -> tuple[bool, bool, float, int]:
        ended = row.state == "complete"
        return not ended, row.value is None, spec.study.rank(row.value), row.number

    return sorted(rows, key=rank)


def _row(trial: Any) -> TrialRow:
    finished, attributes = trial.state.is_finished(), trial.user_attrs
    outcome = outcome_of(trial) if finished else None
    entered = attributes.get(ENTERED)
    return TrialRow(
        number=trial.number,
        state=outcome.state if outcome else "unfinished",
        reason=outcome.reason if outcome else None,
        value=outcome.value if outcome else None,
        parameters=dict(trial.params),
        curve=dict(sorted(trial.intermediate_values.items())),
        seconds=(outcome.seconds or None) if outcome else None,
        started=trial.datetime_start.astimezone(UTC) if trial.datetime_start else None,
        ended=datetime.fromtimestamp(entered, UTC) if entered and finished else None,
        weights_sha256=attributes.get(WEIGHTS),
    )
