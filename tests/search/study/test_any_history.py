"""Any history of workers that claim, hang, die, wake and finish gives the study of one worker."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.claim import Claim
from studyhall.search.study.claims import Claims
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.study import Study
from studyhall.search.training.record import StoredRecord
from tests.search.created import record_of

TRIALS, WINDOW, WORKERS = 10, 3, 3
SPEC = StudySpec.model_validate(
    {
        "study": {
            "name": "s", "trials": TRIALS, "window": WINDOW, "pruner": "median", "sampler": "tpe"
        },
        "data": {"name": "cifar10", "train": 100, "validation": 10},
        "network": {"hidden": [4]},
        "training": {"epochs": 3},
        "search_space": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True}},
    }
)  # fmt: skip


def outcome(study: Study, claimed: Claim) -> StoredRecord:
    """What a worker makes of a trial: a function of what it is proposed."""
    proposed = study.propose(claimed.number, claimed.trial_id)
    rate = float(proposed.parameters["learning_rate"])
    value = round(1 - abs(rate - 0.1), 6)
    failed = rate > 0.8
    reports = {1: value / 2, 2: value}
    return record_of(claimed, proposed.parameters, None if failed else value, reports)


def cost(study: Study, number: int, trial_id: int) -> float:
    """How long a trial takes, in some unit: a function of what it is proposed."""
    return float(study.propose(number, trial_id).parameters["learning_rate"])


def alone(folder: Path) -> list[dict[str, Any]]:
    """The parameters and values of the study that one undisturbed worker runs."""
    study = open_study(open_storage(folder / "alone"), SPEC, "fingerprint")
    while claimed := study.claims.next(TRIALS):
        assert study.finish(outcome(study, claimed))
    return [entered(trial) for trial in study.trials()]


def entered(trial: object) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in ("state", "params", "values", "number")}


class Worker:
    """One worker as the test sees it: what it was given, and whether it has fallen silent."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.claimed: Claim | None = None
        self.record: StoredRecord | None = None
        self.hung = False


class Histories(RuleBasedStateMachine):
    """Compared with the simplest model: who holds which trial, and what one worker would get."""

    workers = st.integers(0, WORKERS - 1)

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.seconds = 0.0

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        path = Path(self.folder.name)
        self.expected = alone(path)
        self.path = path / "journal"
        self.study = open_study(open_storage(self.path), SPEC, "fingerprint")
        self.workers_now = [self.new_worker() for _ in range(WORKERS)]
        self.attempts: dict[int, int] = {}
        self.finished: set[int] = set()
        self.silent: set[int] = set()  # held by a worker that the others take for dead

    def new_worker(self) -> Worker:
        storage = open_storage(self.path)
        study = open_study(storage, SPEC, "fingerprint")
        study.claims = Claims(storage, study._id, WINDOW, clock=lambda: self.seconds)
        return Worker(study)

    def holders(self) -> dict[int, Worker]:
        """The workers whose trial no other has, hung or not."""
        return {
            w.claimed.number: w
            for w in self.workers_now
            if w.claimed and self.attempts[w.claimed.number] == w.claimed.attempt
        }

    @rule(index=workers)
    def ask_for_a_trial(self, index: int) -> None:
        worker = self.workers_now[index]
        if worker.claimed or worker.hung:
            return
        first = min(set(range(TRIALS + 1)) - self.finished)
        taken = self.finished | (self.holders().keys() - self.silent)
        free = [n for n in range(first, TRIALS) if n not in taken]
        if first + WINDOW >= TRIALS:  # the last ones: the longest first
            free.sort(key=lambda number: -self.expected[number]["params"]["learning_rate"])
        wanted = free[0] if free and free[0] < first + WINDOW else None
        worker.claimed = worker.study.claims.next(TRIALS, WINDOW, partial(cost, worker.study))
        assert (worker.claimed and worker.claimed.number) == wanted
        if worker.claimed:
            self.attempts[worker.claimed.number] = worker.claimed.attempt
            self.silent.discard(worker.claimed.number)

    @rule(index=workers)
    def train(self, index: int) -> None:
        worker = self.workers_now[index]
        if worker.claimed and not worker.hung:
            worker.record = outcome(worker.study, worker.claimed)

    @rule(index=workers)
    def finish(self, index: int) -> None:
        worker = self.workers_now[index]
        if worker.claimed is None or worker.record is None or worker.hung:
            return
        number = worker.claimed.number
        mine = self.attempts[number] == worker.claimed.attempt
        assert worker.study.finish(worker.record) is mine
        assert worker.study.finish(worker.record) is mine  # a second time changes nothing
        if mine:
            self.finished.add(number)
        worker.claimed = worker.record = None

    @rule(index=workers)
    def hang(self, index: int) -> None:
        self.workers_now[index].hung = True

    @rule(index=workers)
    def wake(self, index: int) -> None:
        worker = self.workers_now[index]
        worker.hung = False
        if worker.claimed and worker.claimed.number not in self.finished:
            mine = self.attempts[worker.claimed.number] == worker.claimed.attempt
            assert worker.study.claims.beat(worker.claimed) is mine
            self.silent -= {worker.claimed.number} if mine else set()

    @rule(index=workers)
    def die(self, index: int) -> None:
        """Its process ends; another worker comes in its place, and listens for a while."""
        worker = self.workers_now[index]
        if worker.claimed:
            worker.study.claims.give_back(worker.claimed, "it died")
            if self.attempts[worker.claimed.number] == worker.claimed.attempt:
                self.attempts[worker.claimed.number] = 0  # no one's
        self.workers_now[index] = self.new_worker()
        self.time_passes()

    @precondition(lambda self: any(w.hung for w in self.workers_now))
    @rule()
    def time_passes(self) -> None:
        """Long enough for the others to take those that hang for dead."""
        for _ in range(3):
            for worker in self.workers_now:
                worker.study.claims.live()
            self.seconds += INTERVALS.grace / 3 + 0.1
        for worker in self.workers_now:
            if not worker.hung and worker.claimed and worker.claimed.number not in self.finished:
                worker.study.claims.beat(worker.claimed)
        holders = self.holders().items()
        self.silent |= {n for n, worker in holders if worker.hung and n not in self.finished}

    @invariant()
    def what_has_finished_is_what_one_worker_gets(self) -> None:
        trials = self.study.trials()
        found = [entered(t) for t in trials if t.state.is_finished()]
        assert [trial["number"] for trial in found] == sorted(self.finished)
        assert found == [self.expected[number] for number in sorted(self.finished)]
        assert [trial.number for trial in trials] == list(range(len(trials)))


@pytest.mark.parametrize("histories", [3, pytest.param(25, marks=pytest.mark.long)])
def test_any_history_gives_the_study_of_one_worker(histories):
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=histories, stateful_step_count=40)
    )
