"""Studies whose trials train on paper: real storage, samplers and pruners, workers by turns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study, recorded_study
from studyhall.search.study.study import ProposedTrial, Study

EPOCHS = 9


@dataclass(frozen=True)
class Answer:
    """What a trial was given, and what became of it."""

    parameters: Mapping[str, Scalar]
    curve: tuple[float, ...]
    state: TrialState


def quality(parameters: Mapping[str, Scalar]) -> float:
    """How good a trial is, between 0 and 1: best with a rate of 0.01 and a share of 0.3."""
    off = (math.log10(float(parameters["rate"])) + 2) / 2, float(parameters["share"]) - 0.3
    return math.exp(-sum(distance**2 for distance in off))


class SimulatedStudy:
    """A study that workers go through an epoch at a time, in an order that a generator draws."""

    def __init__(self, storage: BaseStorage, spec: StudySpec) -> None:
        self.spec = spec
        self.storage = storage
        self.study: Study = open_study(storage, spec, "fingerprint")
        self.study_id = self.study.optuna_study()._study_id
        self.answers: dict[int, Answer] = {}
        self._next = 0

    def start(self) -> SimulatedTrial:
        """Propose the next trial."""
        number, self._next = self._next, self._next + 1
        return SimulatedTrial(self, number, self.storage.create_new_trial(self.study_id))

    def may_start(self, trials: int) -> bool:
        """Whether there is a next trial, and all that it may see have finished."""
        seen = range(self._next - self.spec.study.window + 1)
        return self._next < trials and all(number in self.answers for number in seen)

    def run(self, trials: int, workers: int, generator: np.random.Generator) -> list[Answer]:
        """Run trials to their end; return them in the order of their numbers."""
        running: list[SimulatedTrial] = []
        while len(self.answers) < trials:
            if len(running) < workers and self.may_start(trials):
                running.append(self.start())
                continue
            trial = running[generator.integers(len(running))]
            if trial.train_epoch():
                running.remove(trial)
        return [self.answers[number] for number in range(trials)]


class SimulatedTrial:
    """One trial: proposed, and trained an epoch at a time."""

    def __init__(self, simulated: SimulatedStudy, number: int, trial_id: int) -> None:
        self._simulated = simulated
        self._number = number
        self._trial_id = trial_id
        self.proposed: ProposedTrial = simulated.study.propose(number, trial_id)
        self._curve: list[float] = []

    def train_epoch(self) -> bool:
        """Report one more epoch; return whether the trial ended with it."""
        trial, epoch = self.proposed._trial, len(self._curve) + 1
        value = quality(self.proposed.parameters) * (1 - math.exp(-epoch / 3))
        maximize = self._simulated.spec.study.direction == "maximize"
        self._curve.append(value if maximize else 1 - value)
        trial.report(self._curve[-1], epoch)
        if epoch < EPOCHS and not trial.should_prune():
            return False
        self._finish(TrialState.COMPLETE if epoch == EPOCHS else TrialState.PRUNED)
        return True

    def _finish(self, state: TrialState) -> None:
        storage, trial_id = self._simulated.storage, self._trial_id
        frozen: Any = self.proposed._trial
        known = storage.get_trial(trial_id).params
        for name, distribution in frozen.distributions.items():
            if name not in known:
                value = distribution.to_internal_repr(frozen.params[name])
                storage.set_trial_param(trial_id, name, value, distribution)
        for epoch, value in self.proposed.reports.items():
            storage.set_trial_intermediate_value(trial_id, epoch, value)
        for key, note in self.proposed.notes.items():
            storage.set_trial_system_attr(trial_id, key, note)
        storage.set_trial_state_values(trial_id, state, [self._curve[-1]])
        self._simulated.answers[self._number] = Answer(
            self.proposed.parameters, tuple(self._curve), state
        )


def proposed_again(path: str, numbers: list[int]) -> dict[int, Mapping[str, Scalar]]:
    """What trials that have been started are given by a process that opens their study anew."""
    storage = open_storage(Path(path))
    found = recorded_study(storage, "s")
    assert found is not None
    ids = {trial.number: trial._trial_id for trial in found.trials()}
    return {number: found.propose(number, ids[number]).parameters for number in numbers}
