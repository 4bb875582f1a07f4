"""A process that uses a storage: python storage_worker.py TASK ADDRESS [NUMBER].

It says `ready`, waits for a line, does its task and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

import studyhall.search.study.postgres
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import exclusive, open_storage, reopen_storage

STUDY = "study"


def opened(address: str) -> tuple[BaseStorage, int]:
    """The storage, and the study in it, which is created by whoever comes first."""
    storage = open_storage(address)
    with exclusive(storage, "studies"):
        optuna.create_study(study_name=STUDY, storage=storage, load_if_exists=True)
    return storage, storage.get_study_id_from_name(STUDY)


def create(address: str, number: int) -> list[int]:
    """Create trials, each with a mark of this process; return their numbers."""
    storage, study = opened(address)
    return [storage.get_trial(storage.create_new_trial(study)).number for _ in range(number)]


def add(address: str, number: int) -> int:
    """Raise a count step by step, so that others who do not wait for their turn spoil it."""
    storage, study = opened(address)
    for _ in range(number):
        add_one(storage, study)
    return number


def add_one(storage: BaseStorage, study: int) -> None:
    with exclusive(storage, "count"):
        count = storage.get_study_user_attrs(study).get("count", 0)
        time.sleep(0.005)  # in which another could read the same count
        storage.set_study_user_attr(study, "count", count + 1)


def hold(address: str, number: int) -> None:
    """Take the turn, write inside, say so, and keep it; a database frees it after `number` s."""
    studyhall.search.study.postgres.SECONDS_HUNG = (
        number or studyhall.search.study.postgres.SECONDS_HUNG
    )
    storage, study = opened(address)
    with exclusive(storage, "count"):
        storage.set_study_user_attr(study, "held", True)
        print(json.dumps("held"), flush=True)
        time.sleep(600)


def run(address: str, number: int) -> list[int]:
    """Claim trials and finish them, whatever happens to the database; return their numbers."""
    storage = reopen_storage(address)
    study = retry_while_disconnected(storage.get_study_id_from_name)(STUDY)

    @retry_while_disconnected
    def claim(mark: str) -> int:
        with exclusive(storage, "claims"):
            trials = storage.get_all_trials(study, deepcopy=False)
            mine = (t.number for t in trials if t.user_attrs.get("claim") == mark)
            if (number := next(mine, None)) is not None:
                return number  # it was entered, though the answer did not come
            trial_id = storage.create_new_trial(study)
            storage.set_trial_user_attr(trial_id, "claim", mark)
            return storage.get_trial(trial_id).number

    @retry_while_disconnected
    def finish(number: int) -> None:
        with exclusive(storage, "claims"):
            trial = storage.get_all_trials(study, deepcopy=False)[number]
            if not trial.state.is_finished():
                for step in range(5):
                    storage.set_trial_intermediate_value(trial._trial_id, step, number + step)
                storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [number])

    mark = f"{time.time_ns()}"
    numbers = []
    for attempt in range(number):
        numbers.append(claim(f"{mark}.{attempt}"))
        finish(numbers[-1])
    return numbers


def append(address: str, number: int) -> None:
    """Open journals that are named line by line, and at a further line write to each."""
    for line in sys.stdin:
        storage, study = opened(line.strip())
        print(json.dumps("opened"), flush=True)
        sys.stdin.readline()
        storage.set_trial_user_attr(storage.create_new_trial(study), "by", "another process")
        print(json.dumps("appended"), flush=True)


TASKS: dict[str, Callable[[str, int], object]] = {
    task.__name__: task for task in (create, add, hold, run, append)
}

if __name__ == "__main__":
    task, address, *numbers = sys.argv[1:]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(TASKS[task](address, int(numbers[0]) if numbers else 0)), flush=True)
