"""The progress of a launch for log collectors: one JSON object per line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self

from studyhall.search.common.addresses import redact_text
from studyhall.search.common.errors import UsageError
from studyhall.search.study.observer import Observer

if TYPE_CHECKING:
    from studyhall.search.config.study_spec import StudySpec
    from studyhall.search.study.summary import StudySummary
    from studyhall.search.study.trial_result import TrialResult

Level = Literal["info", "warning", "error"]
_VARIABLE = "STUDYHALL_LOG"


def wanted() -> bool:
    """Whether the user asks for JSON in place of lines for people.

    Raises:
        UsageError: the variable asks for something else.
    """
    value = os.environ.get(_VARIABLE, "")
    if value not in ("", "json"):
        raise UsageError(f"{_VARIABLE}: must be 'json' or not set, got '{value}'")
    return value == "json"


def write(
    level: Level,
    event: str,
    message: str,
    *,
    study: str | None = None,
    trial: int | None = None,
    values: Mapping[str, object] | None = None,
) -> None:
    """Write one event; a password in an address of the message is left out."""
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "study": study,
        "trial": trial,
        "event": event,
        "message": redact_text(message),
        "values": dict(values or {}),
    }
    # In one piece: another thread's note must not come between.
    sys.stderr.write(f"{json.dumps(entry)}\n")


class JsonLog(Observer):
    """Writes an object for each event of a launch; with `quiet`, for notes alone."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._study: str | None = None

    @property
    def fetching(self) -> Self:
        """Steps of a fetch are events too."""
        return self

    def start(self, description: str, total: int | None) -> None:
        """Begin a step of a fetch."""
        self._write("fetch", description, {} if total is None else {"bytes": total})

    def advance(self, amount: int) -> None:
        """Write nothing: an event for every block would fill a log."""

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        """Say that the study starts."""
        self._study = spec.study.name
        values = {"trials": summary.wanted, "finished": summary.finished, "jobs": jobs}
        self._write("begin", f"{spec.study.name} begins", values)

    def trial(self, result: TrialResult) -> None:
        """Say how a trial ended."""
        if self._quiet:
            return
        values = {
            "state": result.state,
            "value": result.value,
            "reason": result.reason,
            "seconds": round(result.seconds or 0.0, 3),
            "parameters": dict(result.parameters),
        }
        write(
            "warning" if result.state == "failed" else "info",
            "trial",
            f"trial {result.number} {result.state}",
            study=self._study,
            trial=result.number,
            values=values,
        )

    def note(self, message: str) -> None:
        """Say what the user should know."""
        write("warning", "note", message, study=self._study)

    def _write(self, event: str, message: str, values: Mapping[str, object]) -> None:
        if not self._quiet:
            write("info", event, message, study=self._study, values=values)
