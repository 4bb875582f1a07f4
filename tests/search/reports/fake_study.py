"""Recorded studies whose trials were never trained, for reports, tables and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studyhall.search.common.addresses import JOURNAL
from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.claim import Claim
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.training.record import StoredRecord
from tests.search.created import created
from tests.search.spaces import spec_of

SPACE = {
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "units": {"type": "int", "low": 1, "high": 200},
    "method": {"type": "categorical", "choices": ["none", "large"]},
    "strength": {"type": "float", "low": 0.0, "high": 1.0, "when": {"method": "large"}},
}


@dataclass(frozen=True)
class FakeTrial:
    """A trial that a test records."""

    value: float | None
    parameters: Mapping[str, Scalar] = field(
        default_factory=lambda: {"rate": 0.1, "units": 3, "method": "none"}
    )
    state: str = "complete"
    reason: str | None = None
    seconds: float = 2.0


TRIALS = (
    FakeTrial(0.5, {"rate": 0.1, "units": 3, "method": "none"}),
    FakeTrial(0.7, {"rate": 0.01, "units": 30, "method": "large", "strength": 0.5}),
    FakeTrial(0.2, {"rate": 0.5, "units": 7, "method": "none"}, "pruned", "median pruned it"),
    FakeTrial(None, {"rate": 1.0, "units": 9, "method": "none"}, "failed", "<b>bad</b> | luck"),
    FakeTrial(0.6, {"rate": 0.02, "units": 9, "method": "large", "strength": 0.1}),
)


def record_study(
    folder: Path,
    trials: Sequence[FakeTrial] = TRIALS,
    space: Mapping[str, object] | None = None,
    fingerprint: str = "f" * 64,
    **study: object,
) -> StudySpec:
    """Enter a study and its trials in the journal of a folder."""
    space = SPACE if space is None else space
    spec = spec_of(dict(space), **{"trials": max(1, len(trials)), **study})
    opened = open_study(open_storage(folder / JOURNAL), spec, fingerprint)
    for number, trial in enumerate(trials):
        created(opened, number)
        claimed = opened.claims.next(number + 1)
        assert claimed is not None
        assert opened.finish(_record(claimed, trial))
    return spec


def _record(claimed: Claim, trial: FakeTrial) -> StoredRecord:
    reports = {} if trial.value is None else {1: trial.value / 2, 2: trial.value}
    digest = {"studyhall.weights_sha256": f"{claimed.number:064d}"}
    return StoredRecord(
        number=claimed.number,
        attempt=claimed.attempt,
        state=trial.state,
        reason=trial.reason,
        value=trial.value,
        parameters=dict(trial.parameters),
        reports=reports,
        notes={},
        points=(),
        tags={} if trial.value is None else digest,
        started=0,
        ended=1000,
        seconds=trial.seconds,
    )
