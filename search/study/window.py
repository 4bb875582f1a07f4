"""What one trial may see of its study: the finished trials far enough behind it, and itself."""

from __future__ import annotations

from collections.abc import Container
from copy import copy
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


class WindowView:
    """The storage as trial `number` sees it.

    Other trials are visible up to `number - window` alone, and all of those have finished, so that
    what is proposed and pruned does not depend on which worker was faster. The trial's own
    parameters and reports are kept here until it ends: an interrupted trial leaves none behind that
    its second run, which repeats them, could mistake for its own. `reports` and `notes` go into
    the trial's record.

    Anything else goes to the storage as it is. Optuna asks for no more than this class offers of
    `optuna.storages.BaseStorage`.
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
        """The viewer's study, whatever Optuna is told of its name."""
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
        """How many trials are visible, of the given states if any are given."""
        states = (state,) if isinstance(state, TrialState) else state
        return len(self.get_all_trials(study_id, deepcopy=False, states=states))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One trial; of the viewer itself what it was given and reported here alone."""
        trial = copy(self._storage.get_trial(trial_id))  # the storage hands out its own
        if trial_id == self._trial_id:
            trial.params, trial.distributions = dict(self._parameters), dict(self._distributions)
            trial.intermediate_values = dict(self.reports)
            trial.system_attrs = dict(self.notes)
        return trial

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """What pruners noted of a trial; a trial asks for its own by this name, not `get_trial`."""
        return dict(self.get_trial(trial_id).system_attrs)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Keep a parameter of the viewer."""
        self._parameters[param_name] = distribution.to_external_repr(param_value_internal)
        self._distributions[param_name] = distribution

    def set_trial_intermediate_value(self, trial_id: int, step: int, value: float) -> None:
        """Keep a report of the viewer, for its record."""
        self.reports[step] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep a pruner's note on the viewer, for its record."""
        self.notes[key] = value

    def _visible(self, study_id: int, deepcopy: bool = False) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy)
        return [t for t in trials if t.number <= self._last_visible]
