"""One trial, from settings, data and a seed to its record; it knows no storage, server or pool."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model import (
    OPTIMIZER_SETTINGS,
    Architecture,
    Batches,
    Classifier,
    DivergenceError,
    EpochRecord,
    Examples,
    Network,
    Optimizer,
    Preprocessing,
    Schedule,
    make_optimizer,
    train,
)
from search.datasets import Dataset, Split
from search.settings import NetworkSettings, TrainingSettings, TrialSettings
from search.study_spec import Metric

TrialState = Literal["complete", "pruned", "failed"]
OnEpoch = Callable[[EpochRecord], str | None]


@dataclass(frozen=True)
class TrialSeed:
    """Where a trial's randomness comes from.

    The order of the minibatches is drawn from the study's seed and the repetition: all trials train
    on the same batches, so that their difference is their settings'. Weights and the masks of
    dropout are drawn for each trial anew.
    """

    study: int
    number: int

    def weights(self) -> np.random.Generator:
        """The generator of the initial weights."""
        return np.random.default_rng(np.random.SeedSequence([self.study, 1, self.number]))

    def batches(self, repeat: int = 0) -> np.random.Generator:
        """The generator of the order of the minibatches of a repetition."""
        entropy = [self.study, 2, repeat] if repeat else [self.study, 2]
        return np.random.default_rng(np.random.SeedSequence(entropy))

    def dropout(self) -> np.random.Generator:
        """The generator of the masks of dropout."""
        return np.random.default_rng(np.random.SeedSequence([self.study, 3, self.number]))


@dataclass(frozen=True)
class TrainingData:
    """What trials may read: the training examples of a data set, split by index."""

    dataset: Dataset
    split: Split
    preprocessing: Preprocessing


@dataclass(frozen=True)
class TrialRecord:
    """What a trial leaves behind.

    `losses` holds the training loss of every iteration, float32 (iterations,), those of an epoch
    that diverged included; `value` is the study's metric after the last whole epoch; `reason` says
    why a trial was pruned or failed; `classifier` is missing from a failed trial.
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
    epochs, state, reason, losses = _follow(_training(network, settings, data, seed), on_epoch)
    value = float(getattr(epochs[-1], metric)) if epochs else None
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
            if not np.isfinite(epoch.validation_loss):
                state, reason = "failed", f"validation_loss became {epoch.validation_loss}"
                break
            if (reason := on_epoch(epoch)) is not None:
                state = "pruned"
                break
    except DivergenceError as error:
        return epochs, "failed", str(error), error.losses
    return epochs, state, reason, np.concatenate([epoch.losses for epoch in epochs])


def build_network(wanted: NetworkSettings, dataset: Dataset, seed: TrialSeed) -> Network:
    """The network of a trial, initialized."""
    network = Network(architecture_of(wanted, dataset), generator=seed.dropout())
    network.initialize(wanted.initializer, seed.weights(), scale=wanted.initial_deviation)
    return network


def architecture_of(wanted: NetworkSettings, dataset: Dataset) -> Architecture:
    """The architecture that settings mean for a data set; two classes share one sigmoid."""
    classes = len(dataset.classes)
    one = wanted.loss == "sigmoid_cross_entropy" and classes == 2
    return Architecture(
        prod(dataset.example_shape),
        wanted.hidden,
        1 if one else classes,
        wanted.activation,
        wanted.dropout,
        wanted.loss,
    )


def _training(
    network: Network, settings: TrialSettings, data: TrainingData, seed: TrialSeed
) -> Iterator[EpochRecord]:
    wanted, split = settings.training, data.split
    examples, labels = data.dataset.train_examples, data.dataset.train_labels
    batches = Batches(
        examples,
        labels,
        split.train,
        data.preprocessing,
        wanted.batch_size,
        seed.batches(wanted.repeat),
        wanted.sampling,
        wanted.mirror,
    )
    return train(
        network,
        _optimizer(wanted),
        batches,
        Examples(examples, labels, split.validation, data.preprocessing),
        _schedule(wanted),
        l2=wanted.l2,
        iterations=wanted.total_iterations(len(split.train)),
        evaluate_every=wanted.evaluate_every,
    )


def _optimizer(wanted: TrainingSettings) -> Optimizer:
    names = OPTIMIZER_SETTINGS[wanted.optimizer]
    return make_optimizer(wanted.optimizer, {name: getattr(wanted, name) for name in names})


def _schedule(wanted: TrainingSettings) -> Schedule:
    return Schedule(
        wanted.learning_rate,
        wanted.learning_rate_decay,
        wanted.schedule,
        wanted.step_epochs,
        wanted.warmup_iterations,
    )


def _classifier(network: Network, data: TrainingData) -> Classifier:
    dataset = data.dataset
    return Classifier(
        network,
        data.preprocessing,
        dataset.classes,
        dataset.example_shape,
        dataset.train_examples.dtype,
    )
