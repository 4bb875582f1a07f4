"""The run of a trial in MLflow, in plain values that can be compared with the study's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studyhall.search.training.record import RESTORED, StoredRecord

if TYPE_CHECKING:
    from mlflow.entities import Run

RUN_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_RESULT_TAGS = ("studyhall.state", "studyhall.reason", "studyhall.weights_sha256")


@dataclass(frozen=True)
class TrackedRun:
    """One run of a trial.

    Attributes:
        run_id: The run.
        number: The trial that its tag names; None if that is no number.
        attempt: The attempt; None for runs from before attempts were counted.
        status: MLflow's word: RUNNING, FINISHED, KILLED or FAILED.
        deleted: Whether it was deleted in MLflow, where it can be restored.
        started: Milliseconds since 1970.
        parameters: As text, which is how MLflow keeps them.
        tags: All of them.
        value: The trial's value; None if it has none.
        artifact_uri: Where its files are.
    """

    run_id: str
    number: int | None
    attempt: int | None
    status: str
    deleted: bool
    started: int
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    value: float | None
    artifact_uri: str

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"


def tracked_run(run: Run) -> TrackedRun:
    """Convert a run of MLflow's."""
    tags = run.data.tags
    return TrackedRun(
        run_id=str(run.info.run_id),
        number=_number(tags.get("studyhall.trial")),
        attempt=_number(tags.get("studyhall.attempt")),
        status=str(run.info.status),
        deleted=run.info.lifecycle_stage == "deleted",
        started=int(run.info.start_time or 0),
        parameters=dict(run.data.params),
        tags=dict(tags),
        value=run.data.metrics.get("value"),
        artifact_uri=str(run.info.artifact_uri),
    )


def precedence(run: TrackedRun) -> tuple[bool, int, str]:
    """The sort key of whole runs with the same result: every process keeps the first one.

    A run of a restored record comes before that of the record which was lost for a while, since the
    launch that restored it may have registered it as the champion by now. Otherwise the oldest run
    comes first.
    """
    return RESTORED not in run.tags, run.started, run.run_id


def matches(run: TrackedRun, record: StoredRecord) -> bool:
    """Whether an ended run has the result of a record."""
    tags = record_tags(record)
    return (
        run.status == RUN_STATUS[record.state]
        and run.parameters == {name: str(value) for name, value in record.parameters.items()}
        and run.value == record.value
        and all(run.tags.get(name) == tags.get(name) for name in _RESULT_TAGS)
    )


def record_tags(record: StoredRecord) -> dict[str, str]:
    """The tags of a trial's run: those of its record, its state and its reason."""
    reason = {"studyhall.reason": record.reason} if record.reason else {}
    return {**record.tags, **reason, "studyhall.state": record.state}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
