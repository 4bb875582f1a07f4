"""The Optuna side of a study: what is recorded, which trial is next, and one trial's life."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

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
from search.errors import UsageError
from search.record import StoredRecord
from search.space import sampler_for, suggest
from search.study_spec import Scalar, StudySpec, TrialSettings
from search.window import WindowView

optuna.logging.set_verbosity(optuna.logging.ERROR)

_SPEC = "studyhall.spec"
_FINGERPRINT = "studyhall.data_fingerprint"
_PARENT_RUN = "studyhall.mlflow_run_id"
_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True)
class Difference:
    """One key in which a study file and the study's record disagree."""

    key: str
    recorded: object
    given: object


class Study:
    """One study in the storage. A process opens it once and keeps it."""

    def __init__(self, storage: BaseStorage, spec: StudySpec) -> None:
        self.spec = spec
        self._storage = storage
        self._id = storage.get_study_id_from_name(spec.study.name)

    @property
    def parent_run_id(self) -> str | None:
        """The MLflow run of the study, if one was opened."""
        return cast("str | None", self._storage.get_study_user_attrs(self._id).get(_PARENT_RUN))

    def set_parent_run_id(self, run_id: str) -> None:
        """Remember the MLflow run of the study."""
        self._storage.set_study_user_attr(self._id, _PARENT_RUN, run_id)

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
        """Enter a trial's outcome: its weights' hash, the reason and, last, its state and value."""
        if self._storage.get_trial(trial_id).state.is_finished():
            return
        notes = {"reason": record.reason, "seconds": (record.ended - record.started) / 1000}
        notes["weights_sha256"] = record.tags.get("studyhall.weights_sha256")
        for key, value in notes.items():
            self._storage.set_trial_user_attr(trial_id, key, value)
        values = None if record.value is None else [record.value]
        self._storage.set_trial_state_values(trial_id, _STATES[record.state], values)


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

    def flush(self) -> None:
        """Write the reports to the storage, now that the trial has ended."""
        self._view.flush()


def open_study(storage: BaseStorage, spec: StudySpec, fingerprint: str) -> Study:
    """Open a study to run it: the recorded one if it is the same, a new one if there is none.

    Raises:
        UsageError: the study file or the data changed since the study's trials were run.
    """
    name = spec.study.name
    if name not in study_names(storage):
        direction = spec.study.direction
        optuna.create_study(study_name=name, storage=storage, direction=direction)
        study_id = storage.get_study_id_from_name(name)
        storage.set_study_user_attr(study_id, _FINGERPRINT, fingerprint)
        storage.set_study_user_attr(study_id, _SPEC, spec.model_dump_json())
    found = differences(storage, spec, fingerprint)
    if found:
        changes = ", ".join(f"{d.key} was {d.recorded!r} and is {d.given!r}" for d in found)
        raise UsageError(
            f"{name}: the study changed since its trials were run ({changes}); run it under "
            f"another name with --name, or set its trials aside with --fresh"
        )
    return Study(storage, spec)


def recorded_study(storage: BaseStorage, name: str) -> Study:
    """Open a study as it was recorded.

    Raises:
        UsageError: nothing was recorded under that name.
    """
    if name not in study_names(storage):
        raise UsageError(f"{name}: no trial was run yet; start with `studyhall launch {name}`")
    attributes = storage.get_study_user_attrs(storage.get_study_id_from_name(name))
    return Study(storage, StudySpec.model_validate_json(attributes[_SPEC]))


def study_names(storage: BaseStorage) -> list[str]:
    """The studies that the storage holds."""
    return [study.study_name for study in storage.get_all_studies()]


def set_aside(storage: BaseStorage, name: str) -> str | None:
    """Rename a recorded study, so that its name is free; return the new name if there was one."""
    names = study_names(storage)
    if name not in names:
        return None
    aside = next(f"{name}.{n}" for n in range(1, len(names) + 2) if f"{name}.{n}" not in names)
    optuna.copy_study(
        from_study_name=name, from_storage=storage, to_storage=storage, to_study_name=aside
    )
    optuna.delete_study(study_name=name, storage=storage)
    return aside


def differences(storage: BaseStorage, spec: StudySpec, fingerprint: str) -> list[Difference]:
    """What differs between a study and its record, but for the number of trials wanted."""
    attributes = storage.get_study_user_attrs(storage.get_study_id_from_name(spec.study.name))
    recorded = _flat(json.loads(attributes.get(_SPEC, "{}")))
    recorded["data fingerprint"] = attributes.get(_FINGERPRINT)
    given = {**_flat(json.loads(spec.model_dump_json())), "data fingerprint": fingerprint}
    keys = [key for key in {**recorded, **given} if key != "study.trials"]
    return [
        Difference(key, recorded.get(key), given.get(key))
        for key in keys
        if recorded.get(key) != given.get(key)
    ]


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}.{key}" if prefix else key)
    return flat


def pruner_for(spec: StudySpec) -> BasePruner:
    """The pruner that a study names, over its epochs."""
    settings = spec.resolve(spec.example())
    epochs = settings.training.total_epochs(settings.data.train)
    pruners: dict[str, Callable[[], BasePruner]] = {
        "none": NopPruner,
        "median": MedianPruner,
        "successive_halving": SuccessiveHalvingPruner,
        "hyperband": lambda: HyperbandPruner(min_resource=1, max_resource=epochs),
    }
    return pruners[spec.study.pruner]()
