"""One run of a record that two machines have: one took it for lost, and made it again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.run_upload import RunUpload
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import StoredRecord
from tests.search.small_trials import forge, store_trial
from tests.search.tracked import is_whole, left_in, sending, trial_runs
from tests.waiting import PATIENCE, wait_for


@pytest.fixture
def elsewhere(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "elsewhere")


def waiting(
    outbox: Outbox, elsewhere: Outbox, how: dict[str, Any] | None = None, **tags: str
) -> StoredRecord:
    """Have a record wait at both; return what it is elsewhere, with tags of its own."""
    record = store_trial(outbox, 0, **(how or {}))
    tags = {f"studyhall.{name}": value for name, value in tags.items()}
    changed = {"started": record.started + 1, "tags": record.tags | tags}
    again = record.model_copy(update=changed)
    shutil.copytree(outbox.path(0, 1), elsewhere.path(0, 1))
    forge(elsewhere.path(0, 1), again)
    return again


def send(tracker: Tracker, outbox: Outbox) -> None:
    with sending(tracker, outbox) as uploader:
        assert uploader.drain(PATIENCE) == []
    assert left_in(outbox) == []


def test_a_record_that_was_made_again_elsewhere_meanwhile_is_dropped(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox
) -> None:
    """As when a host comes back whose trial was taken for lost, with a run of its own begun.

    Nobody there knows for how long the record has waited: it looks as if it had just been stored.
    """
    again = waiting(outbox, elsewhere)
    live = tracker.create_run(0, 1, again.started - 1)
    outbox.note_run(0, 1, live)
    send(tracker, elsewhere)
    send(tracker, outbox)
    assert is_whole(tracker, [again])
    assert live not in [run.info.run_id for run in trial_runs(tracker)]


@pytest.mark.parametrize("tags", [{}, {"restored": "true"}])
def test_of_a_record_that_two_send_at_once_one_run_is_kept(
    tracker: Tracker,
    outbox: Outbox,
    elsewhere: Outbox,
    monkeypatch: pytest.MonkeyPatch,
    tags: dict[str, str],
) -> None:
    """As when a host comes back just when its record, made again, is being sent."""
    again = waiting(outbox, elsewhere, **tags)
    log_record = tracker.log_record

    def meanwhile(*arguments: Any) -> None:
        monkeypatch.undo()
        send(tracker, elsewhere)
        log_record(*arguments)

    monkeypatch.setattr(tracker, "log_record", meanwhile)
    send(tracker, outbox)
    assert is_whole(tracker, [again])
    (kept,) = trial_runs(tracker)
    assert (kept.info.start_time == again.started) == bool(tags), "what was made again, if any"


def test_who_died_after_sending_and_sends_again_keeps_the_run_that_others_keep(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two whole runs both keep the same one, and not each the other's."""
    again = waiting(outbox, elsewhere)
    with monkeypatch.context() as dying:
        dying.setattr(Outbox, "remove", lambda *_: None)
        RunUpload(tracker, outbox, 0, 1).upload()
    delete_run = tracker.delete_run

    def before(run_id: str) -> None:
        monkeypatch.undo()
        send(tracker, outbox)
        delete_run(run_id)

    monkeypatch.setattr(tracker, "delete_run", before)
    RunUpload(tracker, elsewhere, 0, 1).upload()
    assert is_whole(tracker, [again])


def test_a_restored_record_drops_the_run_that_came_back_in_the_meantime(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox
) -> None:
    again = waiting(outbox, elsewhere, restored="true")
    send(tracker, outbox)
    RunUpload(tracker, elsewhere, 0, 1).upload()
    assert is_whole(tracker, [again])


DIFFERENCES: dict[str, Callable[[StoredRecord], dict[str, Any]]] = {
    "weights": lambda r: {"tags": r.tags | {"studyhall.weights_sha256": "0" * 64}},
    "parameters": lambda r: {"parameters": r.parameters | {"hidden_size": 99}},
    "state": lambda r: {"state": "pruned"},
    "reason": lambda r: {"reason": "another"},
    "value": lambda r: {
        "value": 0.125,
        "points": tuple(
            p.model_copy(update={"value": 0.125}) if p.key == "value" else p for p in r.points
        ),
    },
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_run_of_another_outcome_is_not_taken_for_the_record_made_again(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox, name: str
) -> None:
    """It is left to the doctor, who knows which is right."""
    again = waiting(outbox, elsewhere)
    forge(elsewhere.path(0, 1), again.model_copy(update=DIFFERENCES[name](again)))
    send(tracker, elsewhere)
    send(tracker, outbox)
    kept = [run.info.start_time for run in trial_runs(tracker)]
    assert sorted(kept) == [again.started - 1, again.started]


@pytest.mark.parametrize("how", [{"prune": True}, {"learning_rate": 1e30}])
def test_trials_that_did_not_complete_have_one_run_too(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox, how: dict[str, Any]
) -> None:
    again = waiting(outbox, elsewhere, how)
    assert again.state != "complete"
    send(tracker, elsewhere)
    send(tracker, outbox)
    assert is_whole(tracker, [again])


def test_a_damaged_record_that_was_made_again_elsewhere_is_dropped(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox
) -> None:
    again = waiting(outbox, elsewhere)
    (outbox.path(0, 1) / "record.json").write_text("{")
    send(tracker, elsewhere)
    send(tracker, outbox)
    assert is_whole(tracker, [again])


def test_a_creation_in_doubt_does_not_take_the_run_of_the_record_made_again(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox
) -> None:
    """It is under way there; of two half-sent runs none may get the other's points."""
    waiting(outbox, elsewhere)
    outbox.note_run(0, 1, None)
    theirs = tracker.create_run(0, 1, 1, restored=True)
    send(tracker, outbox)
    kept = {run.info.run_id: run.info.status for run in trial_runs(tracker)}
    assert kept.pop(theirs) == "RUNNING"
    assert list(kept.values()) == ["FINISHED"]


def test_a_record_that_was_just_stored_costs_no_search(
    tracker: Tracker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "ended_runs", None)
    with sending(tracker, outbox) as uploader:
        assert uploader.drain(PATIENCE) == []  # it is at work
        record = store_trial(outbox, 0)
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [record])


def test_a_record_that_has_waited_before_its_uploaders_eyes_is_looked_for(
    tracker: Tracker, outbox: Outbox, elsewhere: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the study could not be asked for a while whether it is the trial's."""
    monkeypatch.setattr("studyhall.search.sync.outbox_uploader._LATE_SECONDS", 0.1)
    asked = list[tuple[int, int]]()
    decided: list[bool] = []

    def accepted(number: int, attempt: int) -> bool | None:
        asked.append((number, attempt))
        return True if decided else None

    with sending(tracker, outbox, accepted) as uploader:
        assert uploader.drain(PATIENCE) == []
        again = waiting(outbox, elsewhere)
        wait_for(lambda: asked)
        send(tracker, elsewhere)
        decided.append(True)
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [again])
