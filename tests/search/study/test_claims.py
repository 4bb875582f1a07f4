"""Claims: one worker a trial, the window kept, the dead replaced, the silent shut out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import optuna
import pytest
from optuna.trial import TrialState

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.study.claim import CLAIM, Claim, claim_of
from studyhall.search.study.claims import Claims
from studyhall.search.study.storage import open_storage

CLAIM_AND_HANG = """
import pathlib, sys, time
from studyhall.search.study.claims import Claims
from studyhall.search.study.storage import open_storage
claimed = Claims(open_storage(pathlib.Path(sys.argv[1])), 0, 3).next(5)
print(claimed.number, claimed.attempt, flush=True)
time.sleep(600)
"""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(tmp_path):
    opened = open_storage(tmp_path / "journal")
    optuna.create_study(study_name="s", storage=opened)
    return opened


def worker(storage, clock=None, progress=lambda _: 0) -> Claims:
    study_id = storage.get_study_id_from_name("s")
    return Claims(storage, study_id, 3, progress, clock or Clock())


def silence(clock: Clock, *listening: Claims) -> None:
    """Let time pass for a claim to be taken for a dead worker's by those who listen."""
    for claims in listening:
        claims.live()
    for _ in range(3):
        clock.seconds += INTERVALS.grace / 3 + 0.1
        for claims in listening:
            claims.live()


def finish(storage, claimed) -> None:
    storage.set_trial_state_values(claimed.trial_id, TrialState.COMPLETE, [0.5])


def claim(storage, claimed) -> Claim:
    found = claim_of(storage.get_trial(claimed.trial_id))
    assert found is not None
    return found


def numbers(claims: list[Claims], wanted: int = 10) -> list[int | None]:
    found = [one.next(wanted) for one in claims]
    return [claimed and claimed.number for claimed in found]


def test_each_worker_gets_a_trial_of_its_own_and_none_beyond_the_window(storage):
    assert numbers([worker(storage) for _ in range(5)]) == [0, 1, 2, None, None]


def test_a_trial_is_claimed_once_all_that_it_looks_back_on_have_finished(storage):
    first = [worker(storage).next(10) for _ in range(3)]
    finish(storage, first[1])
    finish(storage, first[2])
    assert worker(storage).next(10) is None  # trial 3 looks back on trial 0
    finish(storage, first[0])
    assert numbers([worker(storage)]) == [3]


def test_the_longest_goes_first_once_all_that_are_left_may_be_proposed(storage):
    asked, cost = list[int](), {3: 2.0, 4: 3.0, 5: 3.0}

    def costs(number: int, trial_id: int) -> float:
        asked.append(number)
        assert storage.get_trial(trial_id).number == number
        return cost[number]

    first = [worker(storage).next(6, 9, costs) for _ in range(3)]
    assert [one.number for one in first] == [0, 1, 2]
    assert not asked  # trial 5 waits for 2 still
    for one in first:
        finish(storage, one)
    later = [worker(storage).next(6, 9, costs) for _ in range(4)]
    assert [one and one.number for one in later] == [4, 5, 3, None]
    assert claim(storage, later[0]).attempt == 1


def test_no_more_trials_are_created_ahead_than_are_said_to_be_the_last(storage):
    for number in range(3):
        assert worker(storage).next(4, 2).number == number
        assert len(storage.get_all_trials(0)) == number + 1


def test_no_more_trials_are_claimed_than_are_wanted(storage):
    assert numbers([worker(storage), worker(storage), worker(storage)], 2) == [0, 1, None]


def test_the_trial_of_a_killed_worker_is_taken_over_at_once(storage, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM_AND_HANG, tmp_path / "journal"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0 1\n"
        assert numbers([worker(storage)]) == [1]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    taken = worker(storage).next(10)
    assert taken is not None
    assert (taken.number, taken.attempt, taken.deaths) == (0, 2, 1)


def test_a_worker_that_beats_keeps_its_trial(storage, clock):
    mine, other = worker(storage, clock), worker(storage, clock)
    claimed = mine.next(1)
    for _ in range(10):
        assert other.next(1) is None
        clock.seconds += 0.9 * INTERVALS.attention
        assert mine.beat(claimed)
    assert other.next(1) is None


def test_a_worker_that_hangs_loses_its_trial_and_learns_it_when_it_wakes(storage, clock):
    hung, other = worker(storage, clock), worker(storage, clock)
    claimed = hung.next(1)
    silence(clock, other)
    taken = other.next(1)
    assert (taken.number, taken.attempt) == (0, 2)
    assert not hung.beat(claimed)
    hung.give_back(claimed)
    assert other.beat(taken)
    assert claim(storage, taken).attempt == 2


def test_a_worker_of_another_machine_is_dead_only_once_it_was_heard_to_be_silent(storage, clock):
    far = worker(storage, clock).next(1)
    elsewhere = claim(storage, far).model_copy(update={"owner": "host:0123456789ab:1:1:00000000"})
    storage.set_trial_user_attr(far.trial_id, "studyhall.claim", elsewhere.model_dump())
    clock.seconds += 10 * INTERVALS.grace  # this machine slept, or has just started
    late = worker(storage, clock)
    assert late.next(1) is None
    silence(clock, late)
    assert late.next(1).attempt == 2


def test_who_could_not_look_for_a_while_takes_no_one_for_dead(storage, clock):
    mine, other = worker(storage, clock), worker(storage, clock)
    mine.next(1)
    other.live()
    clock.seconds += 10 * INTERVALS.grace  # the storage was away
    assert other.next(1) is None
    assert other.silent(INTERVALS.grace) == set()
    silence(clock, other)
    assert len(other.silent(INTERVALS.grace)) == 1
    assert other.next(1).attempt == 2


def test_a_trial_of_a_silent_worker_is_said_to_be_left_for_who_looks_next(storage, clock):
    mute, watching = worker(storage), worker(storage, clock)
    claimed = mute.next(10)
    silence(clock, watching)
    watching.give_up_silent()
    assert not watching.live()
    assert worker(storage).live() == {}, "who has just come need not listen first"
    assert numbers([worker(storage)]) == [claimed.number]


def test_who_still_beats_is_not_given_up(storage, clock):
    beating, watching = worker(storage, progress=lambda _: 0), worker(storage, clock)
    claimed = beating.next(10)
    for _ in range(6):
        clock.seconds += INTERVALS.grace / 3 + 0.1
        beating.beat(claimed)
        watching.live()
    watching.give_up_silent()
    assert claimed.number in watching.live()


def test_a_trial_that_is_given_back_is_free_at_once_and_blames_no_one(storage):
    first = worker(storage)
    first.give_back(first.next(1))
    again = worker(storage).next(1)
    assert (again.number, again.attempt, again.deaths) == (0, 2, 0)


def test_a_worker_that_ends_leaves_no_trial_of_its_own_behind(storage):
    first, other = worker(storage), worker(storage)
    first.next(5), other.next(5)
    first.release()
    assert worker(storage).live() == {1: 1}
    again = worker(storage).next(5)
    assert (again.number, again.attempt, again.deaths) == (0, 2, 0)


@pytest.mark.parametrize(
    ("steps", "deaths"), [([0, 0, 0, 0], 3), ([0, 7, 7, 9], 0), ([7, 0, 7, 0], 3)]
)
def test_deaths_count_while_the_trial_gets_no_further(storage, steps, deaths):
    for step in steps:
        claims = worker(storage, progress=lambda _, step=step: step)
        claimed = claims.next(1)
        claims.give_back(claimed, "it died")
    assert claimed.deaths == deaths


@pytest.mark.parametrize("attribute", [None, 3, {"owner": "x"}])
def test_a_trial_that_another_program_left_unfinished_is_free(storage, attribute):
    trial_id = storage.create_new_trial(storage.get_study_id_from_name("s"))
    storage.set_trial_user_attr(trial_id, "studyhall.claim", attribute)
    assert numbers([worker(storage)]) == [0]


def test_what_runs_is_known_by_number_and_attempt(storage):
    one, two = worker(storage), worker(storage)
    first, second = one.next(5), two.next(5)
    assert worker(storage).live() == {0: 1, 1: 1}
    finish(storage, first)
    two.give_back(second)
    assert worker(storage).live() == {}


def test_a_claim_of_version_0_1_0_is_read(storage):
    trial_id = storage.create_new_trial(0)
    old = {"owner": "a", "attempt": 2, "beat": 7, "beaten": 12.5}
    storage.set_trial_user_attr(trial_id, CLAIM, old)
    claim = claim_of(storage.get_trial(trial_id))
    assert claim is not None
    assert (claim.attempt, claim.beat_count, claim.last_beat_at) == (2, 7, 12.5)
