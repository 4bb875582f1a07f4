"""The storage as one trial sees it: itself, and the trials up to its window."""

from __future__ import annotations

from collections.abc import Container
from copy import copy
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


class WindowView:
    """The storage as trial `number` sees it.

    Other trials are visible only up to `number - window`. All of those have finished, so that
    proposals and pruning do not depend on which worker was faster. The trial's own parameters and
    reports are kept here until it ends, so that an interrupted trial leaves none in the storage,
    which its next attempt would read. `reports` and `notes` go into the trial's record.

    All other calls go to the storage. Optuna calls nothing else of `optuna.storages.BaseStorage`.
    """

    def __init__(
        self, storage: BaseStorage, study_id: int, trial_id: int, number: int, window: int
    ) -> None:
        self._storage = storage
        self._study_id = study_id
        self._trial_id = trial_id
        self._last_visible = number - window
        self.reports: dict[int, float] = {}
        self.notes: dict[str, Any] = {}
        self._parameters: dict[str, Any] = {}
        self._distributions: dict[str, BaseDistribution] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_study_id_from_name(self, study_name: str) -> int:
        """The id of the trial's study; Optuna knows the study by another name."""
        return self._study_id

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The visible trials, in the order of their numbers."""
        visible = self._visible(study_id, deepcopy)
        return [t for t in visible if states is None or t.state in states]

    def get_n_trials(
        self, study_id: int, state: tuple[TrialState, ...] | TrialState | None = None
    ) -> int:
        """The number of visible trials, in the given states if any are given."""
        states = (state,) if isinstance(state, TrialState) else state
        return len(self.get_all_trials(study_id, deepcopy=False, states=states))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One trial; the trial itself has only the parameters and reports that are kept here."""
        trial = copy(self._storage.get_trial(trial_id))  # the storage returns its own object
        if trial_id == self._trial_id:
            trial.params, trial.distributions = dict(self._parameters), dict(self._distributions)
            trial.intermediate_values = dict(self.reports)
            trial.system_attrs = dict(self.notes)
        return trial

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """The notes of pruners on a trial; Optuna reads its own trial's by this method."""
        return dict(self.get_trial(trial_id).system_attrs)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Keep a parameter of the trial."""
        self._parameters[param_name] = distribution.to_external_repr(param_value_internal)
        self._distributions[param_name] = distribution

    def set_trial_intermediate_value(self, trial_id: int, step: int, value: float) -> None:
        """Keep a report of the trial, for its record."""
        self.reports[step] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep a pruner's note on the trial, for its record."""
        self.notes[key] = value

    def _visible(self, study_id: int, deepcopy: bool = False) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy)
        return [t for t in trials if t.number <= self._last_visible]
