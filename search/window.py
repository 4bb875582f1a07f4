"""What one trial may see of its study: the finished trials far enough behind it, and itself."""

from __future__ import annotations

import time
from collections.abc import Container
from copy import copy
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


class WindowView:
    """The storage as trial `number` sees it.

    Other trials are visible up to `number - window` alone, and all of those have finished, so that
    what is proposed and pruned does not depend on which worker was faster. The trial's own reports
    are kept here until it ends: an interrupted trial leaves none behind that its second run, which
    repeats them, could mistake for its own. Nor does it see parameters that it was given before: a
    sampler that skips some of them draws others for the rest. `reports` and `notes` go into the
    trial's record.

    Anything else goes to the storage as it is. Optuna asks for no more than this class offers of
    `optuna.storages.BaseStorage`.
    """

    def __init__(self, storage: BaseStorage, trial_id: int, number: int, window: int) -> None:
        self._storage = storage
        self._trial_id = trial_id
        self._last_visible = number - window
        self.reports: dict[int, float] = {}
        self.notes: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def wait(self, study_id: int, poll_seconds: float = 0.02) -> None:
        """Return once every trial that this one may see has finished."""
        while any(not t.state.is_finished() for t in self._visible(study_id)):
            time.sleep(poll_seconds)

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
        """One trial; the viewer itself as new, but for the reports made here."""
        trial = copy(self._storage.get_trial(trial_id))  # the storage hands out its own
        if trial_id == self._trial_id:
            trial.params, trial.distributions = {}, {}
            trial.intermediate_values = dict(self.reports)
            trial.system_attrs = dict(self.notes)
        return trial

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """What pruners noted of a trial; a trial asks for its own by this name, not `get_trial`."""
        return dict(self.get_trial(trial_id).system_attrs)

    def set_trial_intermediate_value(self, trial_id: int, step: int, value: float) -> None:
        """Keep a report of the viewer, for its record."""
        self.reports[step] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep a pruner's note on the viewer, for its record."""
        self.notes[key] = value

    def _visible(self, study_id: int, deepcopy: bool = False) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy)
        return [t for t in trials if t.number <= self._last_visible]
