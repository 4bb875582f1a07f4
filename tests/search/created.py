"""Trials that a test makes one by one, without a worker that trains them."""

from __future__ import annotations

from collections.abc import Mapping

from studyhall.search.config.section import Scalar
from studyhall.search.study.claim import Claim
from studyhall.search.study.study import Study
from studyhall.search.training.record import StoredRecord


def created(study: Study, number: int) -> int:
    """The storage's id of trial `number`, which is created if it is the next one."""
    trials = study.trials()
    if number < len(trials):
        return trials[number]._trial_id
    return study.storage.create_new_trial(study._id)


def record_of(
    claimed: Claim,
    parameters: Mapping[str, Scalar],
    value: float | None,
    reports: Mapping[int, float] | None = None,
) -> StoredRecord:
    """What a trial that trained nothing leaves; without a value it has failed."""
    return StoredRecord(
        number=claimed.number,
        attempt=claimed.attempt,
        state="failed" if value is None else "complete",
        reason=None,
        value=value,
        parameters=dict(parameters),
        reports=dict(reports or {}),
        notes={},
        points=(),
        tags={},
        started=0,
        ended=1000,
        seconds=1.0,
    )
