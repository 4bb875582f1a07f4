"""The run of a trial as MLflow has it, in plain values that can be compared with the study's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studyhall.search.training.record import RESTORED, StoredRecord

if TYPE_CHECKING:
    from mlflow.entities import Run

RUN_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_OUTCOME_TAGS = ("studyhall.state", "studyhall.reason", "studyhall.weights_sha256")


@dataclass(frozen=True)
class TrackedRun:
    """One run of a trial.

    Attributes:
        run_id: The run.
        number: The trial that it says it is of; None if that is no number.
        attempt: The attempt; None for the runs of before attempts were counted.
        status: MLflow's word: RUNNING, FINISHED, KILLED or FAILED.
        deleted: Whether it was deleted in MLflow, where it can be restored.
        started: Milliseconds since 1970.
        parameters: As text, which is how MLflow keeps them.
        tags: All of them.
        value: The trial's value; None if it has none.
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

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"


def precedence(run: TrackedRun) -> tuple[bool, int, str]:
    """What sorts the whole runs of one result, of which the first is kept, whoever looks.

    A record that was made again comes before the one that was lost for a while: the launch that
    made it may have registered it as the champion by now. Otherwise the oldest does.
    """
    return RESTORED not in run.tags, run.started, run.run_id


def tracked_run(run: Run) -> TrackedRun:
    """Take what is compared from a run."""
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
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def matches(run: TrackedRun, record: StoredRecord) -> bool:
    """Whether an ended run has the outcome that a record has."""
    tags = record_tags(record)
    return (
        run.status == RUN_STATUS[record.state]
        and run.parameters == {name: str(value) for name, value in record.parameters.items()}
        and run.value == record.value
        and all(run.tags.get(name) == tags.get(name) for name in _OUTCOME_TAGS)
    )


def record_tags(record: StoredRecord) -> dict[str, str]:
    """The tags of a trial's run: state and reason beside those that the record brings."""
    reason = {"studyhall.reason": record.reason} if record.reason else {}
    return {**record.tags, **reason, "studyhall.state": record.state}
