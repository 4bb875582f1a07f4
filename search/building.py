"""From settings to what the library trains: network, batches, optimizer and schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from model import (
    OPTIMIZER_SETTINGS,
    Architecture,
    Batches,
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
from search.settings import NetworkSettings, TrainingSettings


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


def build_network(
    wanted: NetworkSettings, dataset: Dataset, seed: TrialSeed, dtype: DTypeLike = np.float32
) -> Network:
    """The network of a trial, initialized."""
    network = Network(architecture_of(wanted, dataset), dtype, seed.dropout())
    network.initialize(wanted.initializer, seed.weights(), scale=wanted.initial_deviation)
    return network


def architecture_of(wanted: NetworkSettings, dataset: Dataset) -> Architecture:
    """The architecture that settings mean for a data set."""
    return Architecture(
        prod(dataset.example_shape),
        wanted.hidden,
        outputs_of(wanted.loss, len(dataset.classes)),
        wanted.activation,
        wanted.dropout,
        wanted.loss,
    )


def outputs_of(loss: str, classes: int) -> int:
    """How many outputs tell the classes apart; two classes share one sigmoid."""
    return 1 if loss == "sigmoid_cross_entropy" and classes == 2 else classes


def start_training(
    network: Network, wanted: TrainingSettings, data: TrainingData, seed: TrialSeed
) -> Iterator[EpochRecord]:
    """Train a network as settings say, in its own floating type; see `model.train`."""
    split = data.split
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
        network.dtype,
    )
    return train(
        network,
        _optimizer(wanted),
        batches,
        Examples(examples, labels, split.validation, data.preprocessing, network.dtype),
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
