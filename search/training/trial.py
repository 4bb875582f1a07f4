"""Run one trial: from settings, data and a seed to its record, without storage or server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studyhall.model import (
    Classifier,
    DivergenceError,
    EpochRecord,
    FloatArray,
    Training,
)
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import Metric
from studyhall.search.training.building import (
    TrainingData,
    TrialSeed,
    build_network,
    start_training,
)
from studyhall.search.training.saved_training import SavedTraining, TrainingSaver

TrialState = Literal["complete", "pruned", "failed"]
OnEpoch = Callable[[EpochRecord], str | None]


@dataclass(frozen=True)
class TrialRecord:
    """The result of one trial.

    Attributes:
        reason: Why it was pruned or failed.
        value: The study's metric for the weights that were kept.
        losses: The training loss of every iteration, float32 (iterations,), also those of an epoch
            that diverged.
        classifier: The trained network; None if the trial failed.
        started: Seconds since 1970, as is `ended`; in between it can have been interrupted.
        seconds: The time that it trained.
    """

    number: int
    settings: TrialSettings
    state: TrialState
    reason: str | None
    value: float | None
    epochs: tuple[EpochRecord, ...]
    losses: NDArray[np.float32]
    classifier: Classifier | None
    started: float
    ended: float
    seconds: float


def run_trial(
    settings: TrialSettings,
    data: TrainingData,
    seed: TrialSeed,
    metric: Metric,
    on_epoch: OnEpoch,
    saver: TrainingSaver | None = None,
) -> TrialRecord:
    """Train one network and return its record.

    An interrupted training is resumed where it was last saved. Its record equals that of an
    uninterrupted one except for times: `started` is its first start, and `seconds` leaves out the
    interruption.

    Args:
        settings: Network and training, with a value for every key.
        data: The training examples, with their split and preprocessing.
        seed: The trial's source of randomness.
        metric: The field of an epoch's record that is the trial's value.
        on_epoch: Called with each epoch's record; returns a reason to prune the trial, or None.
            After an interruption it is called again with the earlier epochs.
        saver: Saves the training and loads it; without one a training starts from the beginning.

    Returns:
        The record; a loss that is not finite fails the trial, any other error propagates.
    """
    trial = _Trial(settings, data, seed, metric)
    training = trial.start(saver.load() if saver else None)
    state, reason, losses = trial.follow(training, on_epoch, saver)
    value, classifier, dataset = trial.restore(), None, data.dataset
    if state != "failed":
        info, dtype = dataset.info, dataset.train_examples.dtype
        classifier = Classifier(
            trial.network, data.preprocessing, info.classes, info.example_shape, dtype
        )
    return TrialRecord(
        number=seed.number,
        settings=settings,
        state=state,
        reason=reason,
        value=None if state == "failed" else value,
        epochs=tuple(trial.epochs),
        losses=losses,
        classifier=classifier,
        started=trial.started,
        ended=time.time(),
        seconds=trial.seconds,
    )


class _Trial:
    """A trial under way: its network, the records so far, the weights to end with, and the time.

    It ends with the weights of its last epoch, or with those of its best so far.
    """

    def __init__(
        self, settings: TrialSettings, data: TrainingData, seed: TrialSeed, metric: Metric
    ) -> None:
        self.started, self._clock = time.time(), time.perf_counter()
        self.network = build_network(settings.network, data.dataset, seed)
        self.epochs: list[EpochRecord] = []
        self._settings, self._data, self._seed = settings, data, seed
        self._metric = metric
        self._kept_value: float | None = None
        self._kept_weights: FloatArray | None = None  # None if the last weights are kept

    @property
    def seconds(self) -> float:
        """The time that the trial has trained, before an interruption and since."""
        return time.perf_counter() - self._clock

    def start(self, saved: SavedTraining | None) -> Training:
        """Start the training, or resume it where it was saved."""
        if saved is not None:
            self.network.vector.values[...] = saved.weights
            self._kept_value, self._kept_weights = saved.kept_value, saved.kept_weights
            self.epochs += saved.epochs
            self.started, self._clock = saved.started, self._clock - saved.seconds
        state = saved.state if saved else None
        return start_training(self.network, self._settings.training, self._data, self._seed, state)

    def follow(
        self, training: Training, on_epoch: OnEpoch, saver: TrainingSaver | None
    ) -> tuple[TrialState, str | None, NDArray[np.float32]]:
        """Train until the end, or until the trial is pruned or diverges."""
        for epoch in self.epochs:
            on_epoch(epoch)
        before = [epoch.losses for epoch in self.epochs]
        try:
            for epoch in training:
                self.epochs.append(epoch)
                self._keep(epoch)
                if (reason := on_epoch(epoch)) is not None:
                    return "pruned", reason, self._losses()
                if saver and not training.ended:
                    saver.offer(partial(self._saved, training))
        except DivergenceError as error:
            return "failed", str(error), np.concatenate([*before, error.losses])
        return "complete", None, self._losses()

    def _losses(self) -> NDArray[np.float32]:
        return np.concatenate([epoch.losses for epoch in self.epochs])

    def _saved(self, training: Training) -> SavedTraining:
        return SavedTraining(
            started=self.started,
            seconds=self.seconds,
            epochs=tuple(self.epochs),
            weights=self.network.vector.values,
            state=training.state(),
            kept_value=self._kept_value,
            kept_weights=self._kept_weights,
        )

    def _keep(self, epoch: EpochRecord) -> None:
        """Keep the present weights if they are the best; of equals, the earliest stay."""
        value = float(getattr(epoch, self._metric))
        sign = 1 if self._metric == "validation_accuracy" else -1
        if self._settings.training.keep == "last":
            self._kept_value = value
        elif self._kept_value is None or sign * value > sign * self._kept_value:
            self._kept_value, self._kept_weights = value, self.network.vector.values.copy()

    def restore(self) -> float | None:
        """Put the kept weights back into the network; return their metric, None without epochs."""
        if self._kept_weights is not None:
            self.network.vector.values[...] = self._kept_weights
        return self._kept_value


def pruned_after(epoch: int | None, reason: str) -> OnEpoch:
    """An `on_epoch` that prunes a trial where it was pruned before; no pruner is asked.

    On the same machine, with the same number of BLAS threads (`fixed_blas_threads`), a trial that
    is trained again gives the same record, bit for bit.

    Args:
        epoch: The epoch after which the trial was pruned, from 1; None if it was not pruned.
        reason: The reason that was recorded.
    """
    return lambda record: reason if epoch is not None and record.epoch >= epoch else None


def pruning_reason(pruner: str, metric: Metric, epoch: EpochRecord) -> str:
    """The reason in the record of a pruned trial.

    Args:
        pruner: The study's pruner.
        metric: The study's metric.
        epoch: The last epoch of the trial.
    """
    value = float(getattr(epoch, metric))
    return f"{pruner} pruned it after epoch {epoch.epoch} with {metric} {value:.4f}"


WORKER_DEATH_PREFIX = "its worker died"  # begins the reason of a trial that was given up


def give_up(number: int, settings: TrialSettings, reason: str) -> TrialRecord:
    """The record of a trial that failed untrained, because workers died while training it."""
    now = time.time()
    return TrialRecord(
        number=number,
        settings=settings,
        state="failed",
        reason=reason,
        value=None,
        epochs=(),
        losses=np.empty(0, np.float32),
        classifier=None,
        started=now,
        ended=now,
        seconds=0.0,
    )
