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
    Architecture,
    Batches,
    Classifier,
    DivergenceError,
    EpochRecord,
    Examples,
    Network,
    Preprocessing,
    make_optimizer,
    train,
)
from search.datasets import Dataset, Split
from search.settings import TrialSettings
from search.study_spec import Metric

TrialState = Literal["complete", "pruned", "failed"]
OnEpoch = Callable[[EpochRecord], str | None]


@dataclass(frozen=True)
class TrialSeed:
    """Where a trial's randomness comes from.

    The order of the minibatches is drawn from the study's seed alone: all trials train on the same
    batches, so that their difference is their settings'. Weights are drawn for each trial anew.
    """

    study: int
    number: int

    def weights(self) -> np.random.Generator:
        """The generator of the initial weights."""
        return np.random.default_rng(np.random.SeedSequence([self.study, 1, self.number]))

    def batches(self) -> np.random.Generator:
        """The generator of the order of the minibatches."""
        return np.random.default_rng(np.random.SeedSequence([self.study, 2]))


@dataclass(frozen=True)
class TrainingData:
    """What trials may read: the training images of a data set, split by index.

    `images` is uint8 (N, height, width, channels), memory-mapped; `labels` is (N,).
    """

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
        data: The images that may be read, with their split and preprocessing.
        seed: The trial's source of randomness.
        metric: The field of an epoch's record that is the trial's value.
        on_epoch: Called with each epoch's record; the reason to prune the trial, or None.

    Returns:
        The record; a loss that is not finite fails the trial, any other error propagates.
    """
    started, clock = time.time(), time.perf_counter()
    network = _build_network(settings, data, seed)
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


def _build_network(settings: TrialSettings, data: TrainingData, seed: TrialSeed) -> Network:
    dataset, wanted = data.dataset, settings.network
    inputs, outputs = prod(dataset.example_shape), len(dataset.classes)
    network = Network(Architecture(inputs, wanted.hidden, outputs, wanted.activation))
    network.initialize(wanted.initializer, seed.weights(), scale=wanted.initial_deviation)
    return network


def _training(
    network: Network, settings: TrialSettings, data: TrainingData, seed: TrialSeed
) -> Iterator[EpochRecord]:
    wanted, dataset, split = settings.training, data.dataset, data.split
    images, labels = dataset.train_examples, dataset.train_labels
    batches = Batches(
        images,
        labels,
        split.train,
        data.preprocessing,
        wanted.batch_size,
        seed.batches(),
        wanted.sampling,
    )
    return train(
        network,
        make_optimizer(wanted.optimizer, momentum=wanted.momentum),
        batches,
        Examples(images, labels, split.validation, data.preprocessing),
        learning_rate=wanted.learning_rate,
        learning_rate_decay=wanted.learning_rate_decay,
        l2=wanted.l2,
        iterations=wanted.total_iterations(len(split.train)),
    )


def _classifier(network: Network, data: TrainingData) -> Classifier:
    dataset = data.dataset
    return Classifier(network, data.preprocessing, dataset.classes, dataset.example_shape)
