"""The Optuna side of a study: what is recorded, which trial is next, and one trial's life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from model import EpochRecord
from search.record import StoredRecord
from search.section import Scalar
from search.settings import TrialSettings
from search.space import sampler_for, suggest
from search.study_spec import StudySpec
from search.window import WindowView

optuna.logging.set_verbosity(optuna.logging.ERROR)

STUDY_ID = "studyhall.study_id"
_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class Study:
    """One study in the storage. A process opens it once and keeps it."""

    def __init__(self, storage: BaseStorage, spec: StudySpec) -> None:
        self.spec = spec
        self._storage = storage
        self._id = storage.get_study_id_from_name(spec.study.name)

    @property
    def study_id(self) -> str:
        """What the study's runs in MLflow are found by; a study that starts over has another."""
        return str(self._storage.get_study_user_attrs(self._id)[STUDY_ID])

    def trials(self) -> list[FrozenTrial]:
        """Every trial, in the order of their numbers."""
        return self._storage.get_all_trials(self._id, deepcopy=False)

    def best(self) -> FrozenTrial | None:
        """The completed trial with the best value, the earliest of equals, if any."""
        complete = [t for t in self.trials() if t.state is TrialState.COMPLETE]
        sign = -1 if self.spec.study.direction == "maximize" else 1
        return min(complete, key=lambda t: sign * (t.value or 0.0), default=None)

    def claim(self, number: int) -> int:
        """The storage's id of trial `number`, which is created if it is the next one."""
        trials = self.trials()
        if number < len(trials):
            return trials[number]._trial_id
        return self._storage.create_new_trial(self._id)

    def optuna_study(self) -> optuna.Study:
        """The study as Optuna's own figures take it."""
        return optuna.load_study(study_name=self.spec.study.name, storage=self._storage)

    def propose(self, number: int, trial_id: int) -> ProposedTrial:
        """Wait until trial `number` may be proposed, and propose it."""
        view = WindowView(self._storage, trial_id, number, self.spec.study.window)
        view.wait(self._id)
        study = optuna.Study(
            self.spec.study.name,
            cast("BaseStorage", view),
            sampler=sampler_for(self.spec, number),
            pruner=pruner_for(self.spec),
        )
        return ProposedTrial(Trial(study, trial_id), view, self.spec)

    def finish(self, record: StoredRecord, trial_id: int) -> None:
        """Enter a trial's outcome, its state and value last; nothing if it was entered before."""
        storage = self._storage
        if storage.get_trial(trial_id).state.is_finished():
            return
        for epoch, value in record.reports.items():
            storage.set_trial_intermediate_value(trial_id, epoch, value)
        for key, note in record.notes.items():
            storage.set_trial_system_attr(trial_id, key, note)
        described = {
            "reason": record.reason,
            "seconds": (record.ended - record.started) / 1000,
            "weights_sha256": record.tags.get("studyhall.weights_sha256"),
        }
        for key, description in described.items():
            storage.set_trial_user_attr(trial_id, key, description)
        values = None if record.value is None else [record.value]
        storage.set_trial_state_values(trial_id, _STATES[record.state], values)


class ProposedTrial:
    """A trial that has its parameters and is about to train."""

    def __init__(self, trial: Trial, view: WindowView, spec: StudySpec) -> None:
        self.parameters: dict[str, Scalar] = suggest(trial, spec)
        self.settings: TrialSettings = spec.resolve(self.parameters)
        self._trial = trial
        self._view = view
        self._spec = spec
        self._epochs = self.settings.training.total_epochs(self.settings.data.train)

    def report(self, epoch: EpochRecord) -> str | None:
        """Report the metric after an epoch; return why the trial should be pruned, or None."""
        value = float(getattr(epoch, self._spec.study.metric))
        self._trial.report(value, epoch.epoch)
        if epoch.epoch == self._epochs or not self._trial.should_prune():
            return None
        pruner, metric = self._spec.study.pruner, self._spec.study.metric
        return f"{pruner} pruned it after epoch {epoch.epoch} with {metric} {value:.4f}"

    @property
    def reports(self) -> dict[int, float]:
        """The values reported so far, by epoch."""
        return self._view.reports

    @property
    def notes(self) -> dict[str, Any]:
        """What the pruner kept of the trial."""
        return self._view.notes


def pruner_for(spec: StudySpec) -> BasePruner:
    """The pruner that a study names, over its epochs."""
    epochs = max(
        settings.training.total_epochs(settings.data.train)
        for settings in map(spec.resolve, spec.examples())
    )
    pruners: dict[str, Callable[[], BasePruner]] = {
        "none": NopPruner,
        "median": MedianPruner,
        "successive_halving": SuccessiveHalvingPruner,
        "hyperband": lambda: HyperbandPruner(min_resource=1, max_resource=epochs),
    }
    return pruners[spec.study.pruner]()
