"""Which storage should be the embedded one: the journal, or SQLite?

Both are files; PostgreSQL is measured beside them if its address is given. Each does what a study
asks of it, with nothing trained:

- trial_ms: what a trial costs a process: a claim (read the trials, create one, mark it) and its end
  (ten reports, state and value), each in a turn of its own, with 1 and 2 processes on one study.
- open_ms: how long a fresh process takes to open a study of 1,000 trials and read them, with what
  the storage imports for it.
- of 200 trials that wait, how many 4 processes ran twice and how many ran at all, when each takes
  what Optuna gives it; `errors` counts the calls that failed.

SQLite is Optuna's own storage, with Optuna's cache; its turns are those of a lock file beside it.
Takes about three minutes: python benchmarks/storages.py [postgresql://user:password@host/database],
where the database is empty. The last line is JSON.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.trial import TrialState, create_trial

from studyhall.search.study.storage import exclusive, open_storage

REPORTS, TRIALS, RECORDED, WAITING, ROUNDS = 10, 40, 1000, 200, 5
Turn = Callable[[], AbstractContextManager[Any]]
spawned = get_context("spawn")


def opened(address: str) -> tuple[BaseStorage, Turn]:
    """Open a storage; return what keeps others out of it, too."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    if address.startswith("sqlite"):
        lock = FileLock(f"{address.removeprefix('sqlite:///')}.lock", poll_interval=0.002)
        return get_storage(RDBStorage(address)), lambda: lock
    storage = open_storage(address)
    return storage, lambda: exclusive(storage, "turn")


def new_study(address: str, name: str) -> tuple[BaseStorage, int]:
    """Create a study."""
    storage, _ = opened(address)
    optuna.create_study(study_name=name, storage=storage)
    return storage, storage.get_study_id_from_name(name)


def one_trial(storage: BaseStorage, study: int, turn: Turn) -> None:
    """Claim a trial and end it."""
    with turn():
        storage.get_all_trials(study, deepcopy=False)
        trial = storage.create_new_trial(study)
        storage.set_trial_user_attr(trial, "claim", {"owner": "x", "attempt": 1})
    with turn():
        for step in range(REPORTS):
            storage.set_trial_intermediate_value(trial, step, 0.5)
        storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5])


def work(address: str, name: str, gate: Any) -> float:
    """Run trials; return the milliseconds that one took."""
    storage, turn = opened(address)
    study = storage.get_study_id_from_name(name)
    gate.wait()
    start = perf_counter()
    for _ in range(TRIALS):
        one_trial(storage, study, turn)
    return (perf_counter() - start) / TRIALS * 1e3


def read(address: str, name: str, gate: Any) -> float:
    """Open a storage and read a study; return the milliseconds."""
    gate.wait()
    start = perf_counter()
    storage, _ = opened(address)
    trials = storage.get_all_trials(storage.get_study_id_from_name(name), deepcopy=False)
    assert len(trials) == RECORDED
    return (perf_counter() - start) * 1e3


def take(address: str, name: str, gate: Any) -> tuple[list[int], int]:
    """Take waiting trials as Optuna does until none is left; return them, and the failed calls."""
    storage, _ = opened(address)
    study = storage.get_study_id_from_name(name)
    mine, errors = [], 0
    gate.wait()
    while waiting := storage.get_all_trials(study, deepcopy=False, states=(TrialState.WAITING,)):
        for trial in waiting:
            try:
                if not storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING):
                    continue
            except optuna.exceptions.UpdateFinishedTrialError:
                continue
            except optuna.exceptions.StorageInternalError:
                errors += 1
                continue
            mine.append(trial.number)
            break
    return mine, errors


def _reporting(task: Callable[..., Any], answers: Any, *arguments: Any) -> None:
    answers.put(task(*arguments))


def at_once(task: Callable[..., Any], address: str, name: str, processes: int) -> list[Any]:
    """Run a task in fresh processes that begin at the same moment; return their answers."""
    answers, gate = spawned.Queue(), spawned.Barrier(processes)
    workers = [
        spawned.Process(target=_reporting, args=(task, answers, address, name, gate), daemon=True)
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=900) for _ in workers]
    for worker in workers:
        worker.join()
    return found


def fill(address: str) -> None:
    """Record a study of many finished trials."""
    storage, study = new_study(address, "recorded")
    reports = dict.fromkeys(range(REPORTS), 0.5)
    trial = create_trial(state=TrialState.COMPLETE, value=0.5, intermediate_values=reports)
    for _ in range(RECORDED):
        storage.create_new_trial(study, template_trial=trial)


def one_round(address: str, number: int) -> dict[str, float]:
    """Return what trials and an opening cost now, in milliseconds."""
    costs = {}
    for processes in (1, 2):
        new_study(address, name := f"cost {processes} {number}")
        costs[f"trial_ms_{processes}"] = median(at_once(work, address, name, processes))
    return {**costs, "open_ms": at_once(read, address, "recorded", 1)[0]}


def race(address: str) -> dict[str, int]:
    """Return how many waiting trials were taken by nobody, or by several processes."""
    storage, study = new_study(address, "waiting")
    for _ in range(WAITING):
        storage.create_new_trial(study, template_trial=create_trial(state=TrialState.WAITING))
    answers = at_once(take, address, "waiting", 4)
    times = Counter(number for numbers, _ in answers for number in numbers)
    twice = sum(count > 1 for count in times.values())
    return {"ran": len(times), "twice": twice, "errors": sum(errors for _, errors in answers)}


def measure(addresses: dict[str, str]) -> dict[str, Any]:
    """Return the medians of each storage; they take turns, so that all meet the same machine."""
    for address in addresses.values():
        fill(address)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in addresses}
    for number in range(ROUNDS):
        for name, address in addresses.items():
            rounds[name].append(one_round(address, number))
            print(name, rounds[name][-1], file=sys.stderr)
    return {
        name: {
            **{key: round(median(costs[key] for costs in rounds[name]), 1) for key in one},
            "waiting": race(addresses[name]),
        }
        for name, (one, *_) in rounds.items()
    }


def main() -> None:
    """Print the figures of each storage as one JSON line."""
    with tempfile.TemporaryDirectory(prefix="studyhall-benchmark-") as folder:
        addresses = {
            "journal": str(Path(folder) / "journal"),
            "sqlite": f"sqlite:///{folder}/sqlite.db",
            **dict(zip(["postgresql"], sys.argv[1:2], strict=False)),
        }
        figures = measure(addresses)
    print(json.dumps({"benchmark": "storages", **figures}))


if __name__ == "__main__":
    main()
