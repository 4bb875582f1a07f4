"""From settings to what the library trains: network, batches, optimizer and schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from studyhall.model import (
    OPTIMIZER_SETTINGS,
    Architecture,
    Batches,
    Examples,
    Network,
    Optimizer,
    Preprocessing,
    Schedule,
    Training,
    TrainingState,
    make_optimizer,
    train,
)
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.settings import NetworkSettings, TrainingSettings, TrialSettings
from studyhall.search.config.study_spec import FreshSeed
from studyhall.search.data.datasets import Dataset, open_dataset, split_dataset
from studyhall.search.data.splits import Split


@dataclass(frozen=True)
class TrialSeed:
    """Where a trial's randomness comes from.

    The order of the minibatches is drawn from the study's seed and the repetition: all trials train
    on the same batches, so that their difference is their settings'. Weights and the masks of
    dropout are drawn for each trial anew.

    A trial that is trained again from a fresh seed draws as no trial of the search did; those with
    the same fresh seed share their batches.

    Attributes:
        study: the study's seed.
        number: the trial's number.
        fresh: the trial of the search that it trains again, and with which fresh seed, from 1.
    """

    study: int
    number: int
    fresh: FreshSeed | None = None

    def weights(self) -> np.random.Generator:
        """The generator of the initial weights."""
        return self._generator(1, *(self.fresh or (self.number,)))

    def batches(self, repeat: int = 0) -> np.random.Generator:
        """The generator of the order of the minibatches of a repetition."""
        if self.fresh:
            return self._generator(2, repeat, self.fresh.seed)
        return self._generator(2, repeat) if repeat else self._generator(2)

    def dropout(self) -> np.random.Generator:
        """The generator of the masks of dropout."""
        return self._generator(3, *(self.fresh or (self.number,)))

    def _generator(self, purpose: int, *entropy: int) -> np.random.Generator:
        # Sequences are as if filled with zeros, which no fresh seed is.
        sequence = np.random.SeedSequence([self.study, purpose, *entropy])
        return np.random.default_rng(sequence)


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


def multiplications(settings: TrialSettings, dataset: Dataset) -> float:
    """How many multiplications the matrix products of a whole training take, but for a factor."""
    training, widths = settings.training, architecture_of(settings.network, dataset).widths
    examples = training.total_iterations(settings.data.train) * training.batch_size
    return float(examples * sum(a * b for a, b in pairwise(widths)))


def outputs_of(loss: str, classes: int) -> int:
    """How many outputs tell the classes apart; two classes share one sigmoid."""
    return 1 if loss == "sigmoid_cross_entropy" and classes == 2 else classes


def start_training(
    network: Network,
    wanted: TrainingSettings,
    data: TrainingData,
    seed: TrialSeed,
    start: TrainingState | None = None,
) -> Training:
    """Train a network as settings say, in its own floating type; see `model.train`.

    Args:
        network: Initialized, or with the parameters that it had at `start`.
        wanted: How to train it.
        data: What to train it on.
        seed: The source of randomness.
        start: Where an earlier training of the same settings, data and seed stood.
    """
    optimizer, batches = _optimizer(wanted), _batches(network, wanted, data, seed)
    examples, labels, split = data.dataset.train_examples, data.dataset.train_labels, data.split
    return train(
        network,
        optimizer,
        batches,
        Examples(examples, labels, split.validation, data.preprocessing, network.dtype),
        _schedule(wanted),
        l2=wanted.l2,
        iterations=wanted.total_iterations(len(split.train)),
        evaluate_every=wanted.evaluate_every,
        start=start,
    )


def _batches(
    network: Network, wanted: TrainingSettings, data: TrainingData, seed: TrialSeed
) -> Batches:
    return Batches(
        data.dataset.train_examples,
        data.dataset.train_labels,
        data.split.train,
        data.preprocessing,
        wanted.batch_size,
        seed.batches(wanted.repeat),
        wanted.sampling,
        wanted.mirror,
        network.dtype,
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


@cache
def training_data(folder: Path, settings: DataSettings) -> TrainingData:
    """The training examples of a data set, split and with fitted preprocessing; once a process."""
    dataset = open_dataset(settings, folder)
    split = split_dataset(dataset, settings)
    kind = settings.preprocessing
    return TrainingData(
        dataset, split, Preprocessing.fit(dataset.train_examples, split.train, kind)
    )
