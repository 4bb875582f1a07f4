"""What is found when a study and MLflow are compared while others are at work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.sync.doctor import find
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.tracking.tracker import Tracker
from tests.mlflow_database import sqlite
from tests.search.small_trials import store_trial
from tests.search.tracked import open_tracker, sending
from tests.waiting import PATIENCE

SPEC = StudySpec.model_validate(
    {
        "study": {"name": "s", "trials": 4, "sampler": "random"},
        "data": {"name": "cifar10", "train": 100, "validation": 10},
        "network": {"hidden": [4]},
        "training": {"epochs": 3},
        "search_space": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1.0}},
    }
)


class Watched(Tracker):
    """MLflow, where something happens just before it is asked for all runs."""

    def trial_runs(self):
        self.meanwhile()
        return super().trial_runs()


@pytest.fixture
def tracked(tmp_path) -> TrackedStudy:
    """A study whose first trial has ended; its record waits."""
    study = open_study(open_storage(tmp_path / "journal"), SPEC, "fingerprint")
    outbox = Outbox(tmp_path / "outbox")
    claimed = study.claims.next(4)
    assert study.finish(store_trial(outbox, claimed.number, claimed.attempt))
    tracker = open_tracker(sqlite(tmp_path), "s")
    return TrackedStudy(study, tracker, outbox, job=None, blas_threads=1)


def send(tracked: TrackedStudy) -> None:
    with sending(tracked.tracker, tracked.outbox) as uploader:
        assert uploader.drain(PATIENCE) == []


def test_a_record_that_waits_is_found_and_one_that_was_sent_is_no_finding(tracked):
    assert [finding.kind for finding in find(tracked)] == ["unsent"]
    send(tracked)
    assert find(tracked, deep=True) == []


def test_a_run_that_another_launch_has_just_ended_is_no_second_one(tracked):
    watched = Watched(tracked.tracker.study_run, tracked.tracker.client)
    watched.meanwhile = lambda: send(tracked)
    assert find(replace(tracked, tracker=watched)) == []


def requests_of_find(tracked: TrackedStudy) -> int:
    """How many statements MLflow's database gets when a study and its files are compared."""
    statements = list[str]()

    def count(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        assert find(tracked, deep=True) == []
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    return len(statements)


def test_the_requests_to_mlflow_do_not_grow_with_the_trials(tracked):
    send(tracked)
    for_one = requests_of_find(tracked)
    for _ in range(3):
        claimed = tracked.study.claims.next(4)
        assert tracked.study.finish(store_trial(tracked.outbox, claimed.number, claimed.attempt))
    send(tracked)
    assert requests_of_find(tracked) == for_one
