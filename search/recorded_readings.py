"""The ledger of readings of the test split as a report has it."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module, util
from typing import TYPE_CHECKING

from search.study_facts import ReadingFacts
from search.tracking import StudyRun

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def readings_of(client: MlflowClient, study_run: StudyRun) -> list[ReadingFacts] | None:
    """Every reading of the test split for a study, the oldest first; None without a ledger."""
    if util.find_spec("search.ledger") is None:
        return None
    names = [field.name for field in fields(ReadingFacts)]
    return [
        ReadingFacts(**{name: getattr(reading, name) for name in names})
        for reading in import_module("search.ledger").readings(client, study_run)
    ]
