"""The facts of an evaluated study with finalists, whose MLflow server does not exist."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from studyhall.search.reports.recorded_facts import read_recorded
from studyhall.search.reports.study_facts import EvaluationFacts, StudyFacts, TrackedFacts
from studyhall.search.study.finals_facts import Finalist, Finals, Retrained
from studyhall.search.tracking.ledger import Ledger, Reading
from studyhall.search.tracking.tracked_run import TrackedRun
from tests.search.reports.fake_study import record_study

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SERVER = "http://localhost:5000/mlflow/"
FINALS = Finals(
    "s.finalists",
    "validation_accuracy",
    "maximize",
    2,
    (
        Finalist(4, 0.6, {"rate": 0.02}, (Retrained(0, 1, 0.5), Retrained(1, 2, 0.6)), 0),
        Finalist(1, 0.7, {"rate": 0.01}, (Retrained(2, 1, 0.4),), 1),
    ),
)
EVALUATION = EvaluationFacts(
    version="3",
    model="trial-0004-seed-1",
    run_id="evaluated",
    when=NOW,
    examples=200,
    correct=120,
    accuracy=0.6,
    interval=(0.53, 0.67),
    gap=0.02,
    accuracy_by_class={"cat": 0.5, "dog": 0.7},
    classes=("cat", "dog"),
    confusion=((50, 50), (30, 70)),
    mistakes=((7, "cat", "dog", 0.99),),
    images={"confusion_matrix.png": b"confused", "mistakes.png": b"wrong"},
)
LEDGER_ENTRIES = (
    Reading(
        NOW,
        "me@here",
        "evaluation",
        "s version 3",
        "id",
        "evaluated",
        "0123456789abcdef",
        200,
        0.6,
        None,
    ),
    Reading(NOW, "<i>", "reproduction", "S1", "id", "other", "f", None, None, (0.1, 0.2)),
)


def evaluated_facts(folder: Path) -> StudyFacts:
    """The facts of a study that is recorded in a folder, with finalists and test evaluations."""
    record_study(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        found = read_recorded("s").facts
    runs = {
        number: TrackedRun(f"run{number}", number, 1, "FINISHED", False, 0, {}, {}, None, "")
        for number in range(4)
    }
    environment = {"code.version": "1.2", "code.commit": "abc", "code.dirty": "true"}
    tracked = TrackedFacts(
        SERVER, "5", "parent", runs, environment, 2, EVALUATION, Ledger(LEDGER_ENTRIES)
    )
    summary = replace(found.summary, finals=FINALS)
    return replace(found, summary=summary, tracked=tracked)
