"""What every storage promises, whichever it is: one class of tests over all of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import chain
from threading import Thread
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from studyhall.search.study.storage import exclusive, open_storage, read_storage
from studyhall.search.study.window import WindowView
from tests.search.study.processes import Worker, at_once
from tests.search.study.storage_worker import STUDY, add_one, opened

ENDS = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
RANGE = FloatDistribution(0.0, 1.0)
# What the end of a trial writes, in order.
WRITES: list[Callable[[BaseStorage, int], object]] = [
    lambda storage, trial: storage.set_trial_param(trial, "rate", 0.1, RANGE),
    lambda storage, trial: storage.set_trial_param(trial, "decay", 0.2, RANGE),
    lambda storage, trial: storage.set_trial_intermediate_value(trial, 1, 1 / 3),
    lambda storage, trial: storage.set_trial_intermediate_value(trial, 2, float("inf")),
    lambda storage, trial: storage.set_trial_system_attr(trial, "rung", {"1": [1 / 3, None]}),
    lambda storage, trial: storage.set_trial_user_attr(trial, "reason", None),
    lambda storage, trial: storage.set_trial_user_attr(trial, "seconds", 0.1 + 0.2),
    lambda storage, trial: storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.7]),
]


@pytest.fixture(params=["journal", pytest.param("postgresql", marks=pytest.mark.long)])
def address(request, tmp_path) -> str:
    """The address of a storage that does not exist yet."""
    if request.param == "journal":
        return str(tmp_path / "folder" / "journal")
    return request.getfixturevalue("database")


@pytest.fixture
def storage(address) -> BaseStorage:
    return opened(address)[0]


@pytest.fixture
def study(storage) -> int:
    return storage.get_study_id_from_name(STUDY)


def told(trial: optuna.trial.FrozenTrial) -> tuple[Any, ...]:
    """All that a trial says, but for its times."""
    said = (trial.params, trial.distributions, trial.intermediate_values, trial.user_attrs)
    return (trial.number, trial.state, trial.values, *said, trial.system_attrs)


class TestStorage:
    def test_processes_that_create_trials_lose_and_share_no_number(self, address):
        numbers = at_once("create", address, 50)
        assert sorted(chain.from_iterable(numbers)) == list(range(200))
        storage, study = opened(address)
        assert [t.number for t in storage.get_all_trials(study)] == list(range(200))

    def test_processes_that_open_a_fresh_one_at_once_all_do(self, address):
        assert at_once("add", address, 1, processes=8) == [1] * 8
        storage, study = opened(address)
        assert storage.get_study_user_attrs(study) == {"count": 8}

    @pytest.mark.parametrize("end", ENDS)
    def test_a_finished_trial_refuses_every_change(self, storage, study, end):
        trial = storage.create_new_trial(study)
        storage.set_trial_state_values(trial, end, [0.5])
        before = told(storage.get_trial(trial))
        again = [
            lambda storage, trial, state=state: storage.set_trial_state_values(trial, state, [0.1])
            for state in (*ENDS, TrialState.RUNNING)
        ]
        for write in WRITES + again:
            with pytest.raises(UpdateFinishedTrialError):
                write(storage, trial)
        assert told(storage.get_trial(trial)) == before

    @pytest.mark.parametrize("cut", range(len(WRITES)))
    def test_the_end_of_a_trial_can_be_entered_again_after_a_cut(self, address, study, cut):
        storage = open_storage(address)
        trial = storage.create_new_trial(study)
        for write in WRITES[:cut]:
            write(storage, trial)
        other = open_storage(address)  # the process that takes the trial over
        for write in WRITES:
            write(other, trial)
        assert told(storage.get_trial(trial)) == (
            *(0, TrialState.COMPLETE, [0.7]),
            {"rate": 0.1, "decay": 0.2},
            {"rate": RANGE, "decay": RANGE},
            {1: 1 / 3, 2: float("inf")},
            {"reason": None, "seconds": 0.1 + 0.2},
            {"rung": {"1": [1 / 3, None]}},
        )

    def test_a_window_sees_the_same_trials_and_no_others(self, address, storage, study):
        reader = open_storage(address)
        for number in range(6):
            trial = storage.create_new_trial(study)
            storage.set_trial_param(trial, "rate", number / 7, RANGE)
            if number != 3:
                storage.set_trial_state_values(trial, ENDS[number % 3], [number / 9])
            reader.get_all_trials(study)  # what it keeps must not hide what comes
        viewer = storage.create_new_trial(study)
        view = WindowView(reader, study, viewer, 6, window=2)
        seen = view.get_all_trials(study, deepcopy=False)
        assert [(t.number, t.state, t.params["rate"]) for t in seen] == [
            (n, TrialState.RUNNING if n == 3 else ENDS[n % 3], n / 7) for n in range(5)
        ]
        assert [t.values for t in seen] == [[0.0], [1 / 9], [2 / 9], None, [4 / 9]]
        assert view.get_n_trials(study, TrialState.RUNNING) == 1
        assert told(view.get_trial(viewer)) == (6, TrialState.RUNNING, None, {}, {}, {}, {}, {})
        storage.set_trial_state_values(seen[3]._trial_id, TrialState.COMPLETE, [0.25])
        assert [t.values for t in view.get_all_trials(study)][3] == [0.25]

    def test_reading_finds_what_there_is(self, address):
        assert read_storage(address).get_all_studies() == []
        storage, study = opened(address)
        storage.create_new_trial(study)
        found = read_storage(address)
        assert len(found.get_all_trials(found.get_study_id_from_name(STUDY))) == 1

    def test_processes_take_turns(self, address):
        at_once("add", address, 25)
        storage, study = opened(address)
        assert storage.get_study_user_attrs(study)["count"] == 100

    def test_threads_take_turns(self, storage, study):
        threads = [Thread(target=add_one, args=(storage, study)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert storage.get_study_user_attrs(study) == {"count": 8}

    def test_a_turn_is_over_when_its_holder_is_killed(self, address):
        with Worker("hold", address) as holder:
            holder.wait_until_ready()
            holder.tell()
            assert holder.answer() == "held"
            os.kill(holder.process.pid, signal.SIGKILL)
            storage, study = opened(address)
            add_one(storage, study)
        assert storage.get_study_user_attrs(study)["count"] == 1

    def test_others_write_while_one_has_its_turn(self, address, storage, study):
        with exclusive(storage, "one"), exclusive(open_storage(address), "another"):
            pass
        trial = storage.create_new_trial(study)
        with exclusive(storage, "one"):
            beating = Thread(target=storage.set_trial_user_attr, args=(trial, "beat", 1))
            beating.start()
            beating.join()
            assert storage.get_trial(trial).user_attrs == {"beat": 1}

    def test_a_turn_is_given_up_by_an_error(self, address, storage, study):
        with pytest.raises(ZeroDivisionError), exclusive(storage, "count"):
            raise ZeroDivisionError
        add_one(open_storage(address), study)
        assert storage.get_study_user_attrs(study) == {"count": 1}


def test_another_programs_storage_has_no_turns():
    with pytest.raises(TypeError, match="open_storage"):
        exclusive(optuna.storages.InMemoryStorage(), "count")
