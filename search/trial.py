"""One trial, from settings, data and a seed to its record; it knows no storage, server or pool."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model import Classifier, DivergenceError, EpochRecord, FloatArray, Network
from search.building import TrainingData, TrialSeed, build_network, start_training
from search.settings import TrialSettings
from search.study_spec import Metric

TrialState = Literal["complete", "pruned", "failed"]
OnEpoch = Callable[[EpochRecord], str | None]


@dataclass(frozen=True)
class TrialRecord:
    """What a trial leaves behind.

    `losses` holds the training loss of every iteration, float32 (iterations,), those of an epoch
    that diverged included; `value` is the study's metric of the weights that were kept; `reason`
    says why a trial was pruned or failed; `classifier` is missing from a failed trial.
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
    seconds: float


def run_trial(
    settings: TrialSettings, data: TrainingData, seed: TrialSeed, metric: Metric, on_epoch: OnEpoch
) -> TrialRecord:
    """Train one network and record how it went.

    Args:
        settings: Network and training, every value in its place.
        data: The examples that may be read, with their split and preprocessing.
        seed: The trial's source of randomness.
        metric: The field of an epoch's record that is the trial's value.
        on_epoch: Called with each epoch's record; the reason to prune the trial, or None.

    Returns:
        The record; a loss that is not finite fails the trial, any other error propagates.
    """
    started, clock = time.time(), time.perf_counter()
    network = build_network(settings.network, data.dataset, seed)
    kept = _Kept(network, metric, best=settings.training.keep == "best")
    training = map(kept.take, start_training(network, settings.training, data, seed))
    epochs, state, reason, losses = _follow(training, on_epoch)
    value = kept.restore()
    return TrialRecord(
        number=seed.number,
        settings=settings,
        state=state,
        reason=reason,
        value=None if state == "failed" else value,
        epochs=tuple(epochs),
        losses=losses,
        classifier=None if state == "failed" else _classifier(network, data),
        started=started,
        seconds=time.perf_counter() - clock,
    )


class _Kept:
    """The weights that a trial ends with: those of its last epoch, or of its best so far."""

    def __init__(self, network: Network, metric: Metric, *, best: bool) -> None:
        self._network, self._metric, self._best = network, metric, best
        self._value: float | None = None
        self._weights: FloatArray | None = None

    def take(self, epoch: EpochRecord) -> EpochRecord:
        """Keep the weights of this moment if they are the best; the earliest of equals stay."""
        value = float(getattr(epoch, self._metric))
        sign = 1 if self._metric == "validation_accuracy" else -1
        if not self._best:
            self._value = value
        elif self._value is None or sign * value > sign * self._value:
            self._value, self._weights = value, self._network.vector.values.copy()
        return epoch

    def restore(self) -> float | None:
        """Put the kept weights back into the network; return the metric that they have."""
        if self._weights is not None:
            self._network.vector.values[...] = self._weights
        return self._value


def _follow(
    training: Iterator[EpochRecord], on_epoch: OnEpoch
) -> tuple[list[EpochRecord], TrialState, str | None, NDArray[np.float32]]:
    """Train to the end, to where the trial is pruned, or to where it diverges."""
    epochs: list[EpochRecord] = []
    state: TrialState = "complete"
    reason: str | None = None
    try:
        for epoch in training:
            epochs.append(epoch)
            if (reason := on_epoch(epoch)) is not None:
                state = "pruned"
                break
    except DivergenceError as error:
        return epochs, "failed", str(error), error.losses
    return epochs, state, reason, np.concatenate([epoch.losses for epoch in epochs])


def _classifier(network: Network, data: TrainingData) -> Classifier:
    dataset = data.dataset
    return Classifier(
        network,
        data.preprocessing,
        dataset.classes,
        dataset.example_shape,
        dataset.train_examples.dtype,
    )
