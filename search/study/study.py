"""The Optuna side of a study: its trials, proposing and pruning one, and entering its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from contextlib import AbstractContextManager
from functools import cached_property
from typing import NamedTuple, cast

import optuna
from optuna import pruners
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from studyhall.model import EpochRecord
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.owner import is_running, machine
from studyhall.search.common.service_part import CLOCK_SECONDS
from studyhall.search.config.section import Scalar
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.claim import Claim, claim_of
from studyhall.search.study.claims import CLAIMS_MUTEX, Claims
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.samplers import distribution_of, sampler_for, suggest
from studyhall.search.study.storage import exclusive
from studyhall.search.study.trial_result import (
    ATTEMPT,
    ENTERED,
    STATES,
    WEIGHTS,
    TrialResult,
    result_of,
)
from studyhall.search.study.window import WindowView
from studyhall.search.training.record import StoredRecord
from studyhall.search.training.trial import pruning_reason

optuna.logging.set_verbosity(optuna.logging.ERROR)

STUDY_ID = "studyhall.study_id"
EXPERIMENT = "studyhall.experiment"
SEARCH_ID = "studyhall.search_id"  # in a study of finalists: the study_id of the search
DATA_FINGERPRINT = "studyhall.data_fingerprint"
SPEC = "studyhall.spec"  # set last: a study without it is not whole
_STOP = "studyhall.stop"
_TROUBLE = "studyhall.trouble"
_SENDING_SECONDS = 600.0  # after this, a run that MLflow does not have counts as missing


class StopAsked(NamedTuple):
    """How often launches of a study were asked to stop; whether the last request was at once."""

    times: int
    at_once: bool


class Study:
    """One study in the storage. A process opens it once and keeps it."""

    def __init__(
        self, storage: BaseStorage, spec: StudySpec, progress: Callable[[int], int] = lambda _: 0
    ) -> None:
        self.spec = spec
        self.storage = storage
        self._id = storage.get_study_id_from_name(spec.study.name)
        self.claims = Claims(storage, self._id, spec.study.window, progress)

    @cached_property
    def study_id(self) -> str:
        """The id of the study's runs in MLflow; a study that starts over gets a new one."""
        return str(self.storage.get_study_user_attrs(self._id)[STUDY_ID])

    @property
    def data_fingerprint(self) -> str:
        """The fingerprint of the data of its trials; empty in records older than fingerprints."""
        return str(self.storage.get_study_user_attrs(self._id).get(DATA_FINGERPRINT, ""))

    @property
    def experiment(self) -> str:
        """The MLflow experiment of its runs; a study that was set aside keeps it."""
        attributes = self.storage.get_study_user_attrs(self._id)
        return str(attributes.get(EXPERIMENT, self.spec.study.name))

    @property
    def search_id(self) -> str | None:
        """The `study_id` of the search, if this study trains its finalists."""
        return self.storage.get_study_user_attrs(self._id).get(SEARCH_ID)

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Keep all other users of the storage out of blocks of the same name."""
        return exclusive(self.storage, name)

    @retry_while_disconnected
    def trials(self) -> list[FrozenTrial]:
        """Every trial, in the order of their numbers."""
        return self.storage.get_all_trials(self._id, deepcopy=False)

    def best(self) -> FrozenTrial | None:
        """The completed trial with the best value, the earliest of equals, if any."""
        complete = [t for t in self.trials() if t.state is TrialState.COMPLETE]
        return min(complete, key=lambda t: self.spec.study.rank(t.value), default=None)

    def finished(self, known: Container[int] = ()) -> list[TrialResult]:
        """The results of the trials that have ended, except those whose numbers are known."""
        finished = (t for t in self.trials() if t.state.is_finished())
        return [result_of(trial) for trial in finished if trial.number not in known]

    def begun(self) -> list[TrialResult]:
        """The results of the trials that were begun, in the order of their numbers."""
        return [result_of(t) for t in self.trials() if t.state.is_finished() or claim_of(t)]

    def results(self) -> list[TrialResult]:
        """The results of all trials, with the attempts that workers train now."""
        live = self.claims.live()
        return [result_of(trial, live.get(trial.number)) for trial in self.trials()]

    @retry_while_disconnected
    def stop_asked(self) -> StopAsked:
        """The requests to stop that this study has had so far."""
        return StopAsked(*self.storage.get_study_user_attrs(self._id).get(_STOP, (0, False)))

    @retry_while_disconnected
    def ask_to_stop(self, *, at_once: bool) -> None:
        """Ask all running launches of this study to stop, wherever they run."""
        asked = self.stop_asked()
        self.storage.set_study_user_attr(self._id, _STOP, (asked.times + 1, at_once))

    @property
    def trouble(self) -> str | None:
        """The error that stopped or ended the last detached launch, if any."""
        return self.storage.get_study_user_attrs(self._id).get(_TROUBLE)

    @retry_while_disconnected
    def note_trouble(self, trouble: str | None) -> None:
        """Record the error of a detached launch, which has no terminal to print it on."""
        self.storage.set_study_user_attr(self._id, _TROUBLE, trouble)

    def at_work(self) -> dict[int, str]:
        """The machines whose workers train a trial now, by the trial's number.

        A worker on another machine counts until its last heartbeat is too old, even if the clocks
        differ: a single look cannot tell whether its heartbeat still comes.
        """
        claims = ((t.number, claim_of(t)) for t in self.trials() if not t.state.is_finished())
        return {number: machine(c.owner) for number, c in claims if c and _seems_at_work(c)}

    def is_whole(self) -> bool:
        """Whether all trials that are wanted have finished."""
        wanted = self.trials()[: self.spec.study.trials]
        finished = sum(trial.state.is_finished() for trial in wanted)
        return finished == self.spec.study.trials

    def optuna_study(self) -> optuna.Study:
        """The study as Optuna's own plots need it."""
        return optuna.load_study(study_name=self.spec.study.name, storage=self.storage)

    @retry_while_disconnected
    def propose(self, number: int, trial_id: int) -> ProposedTrial:
        """Propose a trial; all trials that it looks back on have finished."""
        view = WindowView(self.storage, self._id, trial_id, number, self.spec.study.window)
        study = optuna.Study(
            "study",  # Hyperband draws brackets from this name: it is the same for all studies
            cast("BaseStorage", view),
            sampler=sampler_for(self.spec, number),
            pruner=pruner_for(self.spec),
        )
        return ProposedTrial(Trial(study, trial_id), view, self.spec)

    @retry_while_disconnected
    def accepted(self, number: int, attempt: int) -> bool | None:
        """Whether an attempt's record is the trial's result; None while the attempt may be."""
        return self._accepted(number, attempt)

    def _accepted(self, number: int, attempt: int) -> bool | None:
        trial = self._trial(number)
        if trial is None:
            return False
        if trial.state.is_finished():
            return bool(trial.user_attrs.get(ATTEMPT) == attempt)
        claim = claim_of(trial)
        return None if claim and claim.attempt == attempt else False

    def recent_elsewhere(self, drained_hosts: Container[str] = ()) -> set[int]:
        """The trials that another machine finished in the last minutes, and may be uploading.

        Args:
            drained_hosts: The names of machines that have uploaded everything.
        """
        since = time.time() - _SENDING_SECONDS
        return {
            trial.number
            for trial in self.trials()
            if trial.user_attrs.get(ENTERED, 0.0) > since
            and (claim := claim_of(trial))
            and is_running(claim.owner) is None
            and machine(claim.owner) not in drained_hosts
        }

    @retry_while_disconnected
    def finish(self, record: StoredRecord) -> bool:
        """Enter a trial's result, its state last; False if another attempt has the trial.

        It can be repeated: after a crash it enters what is missing, and changes nothing else.
        """
        with exclusive(self.storage, CLAIMS_MUTEX):
            if (accepted := self._accepted(record.number, record.attempt)) is not None:
                return accepted
            self._enter(record)
            return True

    def _enter(self, record: StoredRecord) -> None:
        storage, space = self.storage, self.spec.search_space
        trial_id = storage.get_trial_id_from_study_id_trial_number(self._id, record.number)
        entered = storage.get_trial(trial_id).params
        for name in (n for n in record.parameters if n not in entered):
            distribution = distribution_of(space[name])
            value = distribution.to_internal_repr(record.parameters[name])
            storage.set_trial_param(trial_id, name, value, distribution)
        for epoch, value in record.reports.items():
            storage.set_trial_intermediate_value(trial_id, epoch, value)
        for key, note in record.notes.items():
            storage.set_trial_system_attr(trial_id, key, note)
        described = {
            ATTEMPT: record.attempt,
            "reason": record.reason,
            "seconds": record.seconds,
            ENTERED: time.time(),
            WEIGHTS: record.tags.get("studyhall.weights_sha256"),
        }
        for key, description in described.items():
            storage.set_trial_user_attr(trial_id, key, description)
        values = None if record.value is None else [record.value]
        storage.set_trial_state_values(trial_id, STATES[record.state], values)

    def _trial(self, number: int) -> FrozenTrial | None:
        try:
            trial_id = self.storage.get_trial_id_from_study_id_trial_number(self._id, number)
        except KeyError:
            return None
        return self.storage.get_trial(trial_id)


def _seems_at_work(claim: Claim) -> bool:
    running = is_running(claim.owner) if claim.owner else False
    if running is None:
        return time.time() - claim.last_beat_at < INTERVALS.grace + CLOCK_SECONDS
    return running


class ProposedTrial:
    """A trial that has its parameters and is about to train.

    Attributes:
        parameters: Its values of the search space.
        settings: The settings that follow from them.
        reports: The values reported so far, by epoch.
        notes: The pruner's notes about the trial.
    """

    def __init__(self, trial: Trial, view: WindowView, spec: StudySpec) -> None:
        self.parameters: dict[str, Scalar] = suggest(trial, spec)
        self.settings: TrialSettings = spec.resolve(self.parameters)
        self.reports = view.reports
        self.notes = view.notes
        self._trial = trial
        self._spec = spec
        self._epochs = self.settings.training.total_epochs(self.settings.data.train)

    def report(self, epoch: EpochRecord) -> str | None:
        """Report the metric after an epoch; return why the trial should be pruned, or None."""
        value = float(getattr(epoch, self._spec.study.metric))
        self._trial.report(value, epoch.epoch)
        if epoch.epoch == self._epochs or not retry_while_disconnected(self._trial.should_prune)():
            return None
        return pruning_reason(self._spec.study.pruner, self._spec.study.metric, epoch)


def pruner_for(spec: StudySpec) -> pruners.BasePruner:
    """The pruner of a study, over the epochs of its longest trial."""
    epochs = max(
        settings.training.total_epochs(settings.data.train) for settings in spec.corner_settings()
    )
    known: dict[str, Callable[[], pruners.BasePruner]] = {
        "none": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "successive_halving": pruners.SuccessiveHalvingPruner,
        "hyperband": lambda: pruners.HyperbandPruner(min_resource=1, max_resource=epochs),
    }
    return known[spec.study.pruner]()
