"""Studies on record that no one trained: what a report, a table or a comparison tells of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studyhall.search.common.addresses import JOURNAL
from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.claim import Claimed
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
class Told:
    """A trial that a test enters."""

    value: float | None
    parameters: Mapping[str, Scalar] = field(
        default_factory=lambda: {"rate": 0.1, "units": 3, "method": "none"}
    )
    state: str = "complete"
    reason: str | None = None
    seconds: float = 2.0


TRIALS = (
    Told(0.5, {"rate": 0.1, "units": 3, "method": "none"}),
    Told(0.7, {"rate": 0.01, "units": 30, "method": "large", "strength": 0.5}),
    Told(0.2, {"rate": 0.5, "units": 7, "method": "none"}, "pruned", "median pruned it"),
    Told(None, {"rate": 1.0, "units": 9, "method": "none"}, "failed", "<b>bad</b> | luck"),
    Told(0.6, {"rate": 0.02, "units": 9, "method": "large", "strength": 0.1}),
)


def record_study(
    folder: Path,
    trials: Sequence[Told] = TRIALS,
    space: Mapping[str, object] | None = None,
    fingerprint: str = "f" * 64,
    **study: object,
) -> StudySpec:
    """Enter a study and its trials in the journal of a folder."""
    space = SPACE if space is None else space
    spec = spec_of(dict(space), **{"trials": max(1, len(trials)), **study})
    opened = open_study(open_storage(folder / JOURNAL), spec, fingerprint)
    for number, told in enumerate(trials):
        created(opened, number)
        claimed = opened.claims.next(number + 1)
        assert claimed is not None
        assert opened.finish(_record(claimed, told))
    return spec


def _record(claimed: Claimed, told: Told) -> StoredRecord:
    reports = {} if told.value is None else {1: told.value / 2, 2: told.value}
    digest = {"studyhall.weights_sha256": f"{claimed.number:064d}"}
    return StoredRecord(
        number=claimed.number,
        attempt=claimed.attempt,
        state=told.state,
        reason=told.reason,
        value=told.value,
        parameters=dict(told.parameters),
        reports=reports,
        notes={},
        points=(),
        tags={} if told.value is None else digest,
        started=0,
        ended=1000,
        seconds=told.seconds,
    )
