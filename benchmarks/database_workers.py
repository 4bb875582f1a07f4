"""What does a trial cost on PostgreSQL with 1, 4 and 16 workers, whose training is idle?

Each worker is a process that claims a trial, proposes it with TPE, sleeps half a second in place of
training, and enters ten reports and a result, as a worker of a cluster does; nothing goes to
MLflow. The peer is plain Optuna with the same workers on the same database: `study.optimize` with
an objective that sleeps as long and reports as often.

- cost_ms: what a trial takes a worker beside the half second.
- trials_an_hour: of all workers together, from when all have opened the study.
- duplicates: trials that were entered twice or whose numbers have a gap; errors: failed workers.

Takes about three minutes. The last line is JSON.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import optuna

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.claim import Claim
from studyhall.search.study.storage import open_storage, reopen_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.study import Study
from studyhall.search.training.record import StoredRecord
from tests.postgres import Server, find_binaries

WORKERS, TRIALS, SLEEP, REPORTS = (1, 4, 16), 20, 0.5, 10
SPACE = {
    "hidden_size": {"type": "int", "low": 50, "high": 500, "log": True},
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "learning_rate_decay": {"type": "float", "low": 0.85, "high": 1.0},
    "l2": {"type": "float", "low": 1e-6, "high": 1e-1, "log": True},
}
spawned = get_context("spawn")


def study_spec(workers: int) -> StudySpec:
    """Return a study in which so many workers need not wait for one another."""
    return StudySpec.model_validate(
        {
            "study": {
                "name": f"ours-{workers}",
                "trials": workers * TRIALS,
                "window": 4 * workers,
                "sampler": "tpe",
            },
            "data": {"name": "two_moons", "train": 200, "validation": 200},
            "network": {"hidden": ["hidden_size"]},
            "training": {"optimizer": "sgd", "batch_size": 20, "epochs": REPORTS},
            "search_space": SPACE,
        }
    )


def entered(claimed: Claim, parameters: dict[str, Any]) -> StoredRecord:
    """Return the record of a trial that trained nothing."""
    value = parameters["learning_rate"] + parameters["l2"]
    return StoredRecord(
        number=claimed.number,
        attempt=claimed.attempt,
        state="complete",
        reason=None,
        value=value,
        parameters=parameters,
        reports=dict.fromkeys(range(1, REPORTS + 1), value),
        notes={},
        points=(),
        tags={},
        started=0,
        ended=1000,
        seconds=SLEEP,
    )


def work_ours(address: str, workers: int, gate: Any) -> tuple[list[int], float]:
    """Run trials as a worker does; return their numbers and the seconds."""
    spec = study_spec(workers)
    study, numbers = Study(reopen_storage(address), spec), list[int]()
    gate.wait()
    start = time.perf_counter()
    while (claimed := next_trial(study, spec.study.trials)) is not None:
        proposed = study.propose(claimed.number, claimed.trial_id)
        time.sleep(SLEEP)
        if study.finish(entered(claimed, proposed.parameters)):
            numbers.append(claimed.number)
    return numbers, time.perf_counter() - start


def next_trial(study: Study, wanted: int) -> Claim | None:
    """Claim a trial, waiting for one while others are at those before it."""
    while (claimed := study.claims.next(wanted)) is None:
        if study.is_whole() or len(study.trials()) == wanted:
            return None
        time.sleep(0.02)
    return claimed


def work_plain(address: str, workers: int, gate: Any) -> tuple[list[int], float]:
    """Run trials as plain Optuna does."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, numbers = optuna.load_study(study_name=f"plain-{workers}", storage=url(address)), []

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_int("hidden_size", 50, 500, log=True)
        value = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        trial.suggest_float("learning_rate_decay", 0.85, 1.0)
        value += trial.suggest_float("l2", 1e-6, 1e-1, log=True)
        for epoch in range(1, REPORTS + 1):
            trial.report(value, epoch)
        time.sleep(SLEEP)
        numbers.append(trial.number)
        return value

    gate.wait()
    start = time.perf_counter()
    study.optimize(objective, n_trials=TRIALS)
    return numbers, time.perf_counter() - start


def url(address: str) -> str:
    """Return an address as Optuna's own storage takes it."""
    return address.replace("postgresql://", "postgresql+psycopg://", 1)


def run(work: Callable[..., tuple[list[int], float]], address: str, workers: int) -> dict[str, Any]:
    """Run a study with so many workers; return its figures."""
    with spawned.Manager() as manager:
        gate = manager.Barrier(workers)
        with ProcessPoolExecutor(workers, spawned) as pool:
            futures = [pool.submit(work, address, workers, gate) for _ in range(workers)]
            done = [f.result() for f in futures if f.exception() is None]
    numbers = Counter(number for found, _ in done for number in found)
    seconds = max(taken for _, taken in done)
    busy = sum(taken for _, taken in done) / numbers.total()
    return {
        "cost_ms": round(1e3 * (busy - SLEEP), 1),
        "trials_an_hour": round(3600 * numbers.total() / seconds),
        "duplicates": workers * TRIALS - len(numbers) + numbers.total() - len(numbers),
        "errors": workers - len(done),
    }


def main() -> None:
    """Print both for each number of workers, and how far 16 get, as one JSON line."""
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("needs PostgreSQL's server (Debian: postgresql)")
    server = Server(binaries)
    address, figures = server.new_database(), dict[str, Any]()
    storage = open_storage(address)
    try:
        for workers in WORKERS:
            open_study(storage, study_spec(workers), "none")
            optuna.create_study(study_name=f"plain-{workers}", storage=storage)
            figures[f"ours_{workers}"] = run(work_ours, address, workers)
            figures[f"plain_{workers}"] = run(work_plain, address, workers)
    finally:
        del storage
        server.remove()
    for name in ("ours", "plain"):
        rates = [figures[f"{name}_{workers}"]["trials_an_hour"] for workers in (1, 16)]
        figures[f"{name}_16_against_1"] = round(rates[1] / rates[0], 2)
    print(json.dumps({"benchmark": "database_workers", "sleep": SLEEP, **figures}))


if __name__ == "__main__":
    main()
