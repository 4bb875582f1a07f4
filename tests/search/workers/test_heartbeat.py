"""The heartbeat: it keeps a trial, and stops a worker that has lost its own."""

from __future__ import annotations

import threading

import optuna
import pytest

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.study.claim import claim_of
from studyhall.search.study.claims import CLAIMS_MUTEX, Claims
from studyhall.search.study.storage import exclusive, open_storage
from studyhall.search.workers.heartbeat import ClaimLostError, Heartbeat
from tests.waiting import wait_for

NEVER = 600.0  # seconds between two beats of a thread that is not to beat in a test


@pytest.fixture
def storage(tmp_path):
    opened = open_storage(tmp_path / "journal")
    optuna.create_study(study_name="s", storage=opened)
    return opened


def taken_over(storage, claims: Claims, claimed) -> None:
    """Give a trial to another worker, as happens to one that hangs."""
    claims.give_back(claimed)
    assert Claims(storage, 0, 3).next(1).number == claimed.number


def test_a_worker_that_beats_is_heard(storage):
    claims = Claims(storage, 0, 3)
    claimed = claims.next(1)
    with Heartbeat(claims, claimed, seconds=0.01) as heartbeat:
        wait_for(lambda: claim_of(storage.get_trial(claimed.trial_id)).beat_count >= 2)
        heartbeat.require()


def test_a_beat_tells_of_a_trial_that_was_taken_over(storage):
    claims = Claims(storage, 0, 3)
    claimed = claims.next(1)
    with Heartbeat(claims, claimed, seconds=0.01) as heartbeat:
        taken_over(storage, claims, claimed)
        wait_for(lambda: heartbeat.lost)
        with pytest.raises(ClaimLostError, match="trial 0 was taken over"):
            heartbeat.require()


def test_who_wakes_up_after_a_long_silence_asks_before_going_on(storage):
    claims, now = Claims(storage, 0, 3), [0.0]
    claimed = claims.next(1)
    with Heartbeat(claims, claimed, NEVER, lambda: now[0]) as heartbeat:
        taken_over(storage, claims, claimed)
        heartbeat.require()  # it is too early to ask at every epoch
        now[0] += INTERVALS.grace
        with pytest.raises(ClaimLostError):
            heartbeat.require()


def test_training_does_not_wait_for_a_beat_that_waits_for_the_storage(storage):
    claims, now = Claims(storage, 0, 3), [0.0]
    heartbeat = Heartbeat(claims, claims.next(1), 0.01, lambda: now[0])
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(storage, CLAIMS_MUTEX):
            held.set()
            released.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    with heartbeat:
        wait_for(heartbeat._beating.locked)
        now[0] += 10 * INTERVALS.grace
        heartbeat.require()
        assert holder.is_alive()
        released.set()
    holder.join()
