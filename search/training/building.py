"""Build from settings what the library trains: network, batches, optimizer and schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from studyhall import model
from studyhall.search.common.environment import machine_memory
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.settings import NetworkSettings, TrainingSettings, TrialSettings
from studyhall.search.config.study_spec import FreshSeed
from studyhall.search.data.datasets import Dataset, open_dataset, split_dataset
from studyhall.search.data.splits import Split

_COPIES = 3  # the weights, their gradients, and what the least optimizers keep of the steps


@dataclass(frozen=True)
class TrialSeed:
    """The source of a trial's randomness.

    The order of the minibatches depends only on the study's seed and `repeat`: all trials train on
    the same batches, so that they differ by their settings alone. Weights and the masks of dropout
    are drawn anew for each trial.

    A trial that is trained again from a fresh seed draws other numbers than any trial of the
    search; trials with the same fresh seed share their batches.

    Attributes:
        study: the study's seed.
        number: the trial's number.
        fresh: the trial of the search that is trained again, and its fresh seed, from 1.
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
        # NumPy fills short sequences with zeros; a fresh seed is never zero, so none collide.
        sequence = np.random.SeedSequence([self.study, purpose, *entropy])
        return np.random.default_rng(sequence)


@dataclass(frozen=True)
class TrainingData:
    """The data that trials can read: the training examples of a data set, split by index."""

    dataset: Dataset
    split: Split
    preprocessing: model.Preprocessing


def build_network(
    wanted: NetworkSettings, dataset: Dataset, seed: TrialSeed, dtype: DTypeLike = np.float32
) -> model.Network:
    """The network of a trial, with its initial weights.

    Raises:
        MemoryError: the machine has too little memory to train it; the system would end a process
            that tries.
    """
    architecture = architecture_of(wanted, dataset)
    needed = (
        _COPIES * sum(a * b for a, b in pairwise(architecture.widths)) * np.dtype(dtype).itemsize
    )
    if needed > (memory := machine_memory()):
        raise MemoryError(f"{needed / 1e9:,.0f} GB of {memory / 1e9:,.0f} GB")
    network = model.Network(architecture, dtype, seed.dropout())
    network.initialize(wanted.initializer, seed.weights(), scale=wanted.initial_deviation)
    return network


def architecture_of(wanted: NetworkSettings, dataset: Dataset) -> model.Architecture:
    """The architecture that settings describe for a data set."""
    return model.Architecture(
        prod(dataset.info.example_shape),
        wanted.hidden,
        outputs_of(wanted.loss, len(dataset.info.classes)),
        wanted.activation,
        wanted.dropout,
        wanted.loss,
    )


def multiplications(settings: TrialSettings, dataset: Dataset) -> float:
    """The multiplications in the matrix products of a whole training, up to a constant factor."""
    training, widths = settings.training, architecture_of(settings.network, dataset).widths
    examples = training.total_iterations(settings.data.train) * training.batch_size
    return float(examples * sum(a * b for a, b in pairwise(widths)))


def outputs_of(loss: str, classes: int) -> int:
    """The number of outputs of a network; with a sigmoid, one output serves for two classes."""
    return 1 if loss == "sigmoid_cross_entropy" and classes == 2 else classes


def start_training(
    network: model.Network,
    wanted: TrainingSettings,
    data: TrainingData,
    seed: TrialSeed,
    start: model.TrainingState | None = None,
) -> model.Training:
    """Start to train a network with these settings, in its own floating type; see `model.train`.

    Args:
        network: Initialized, or with the parameters that it had at `start`.
        wanted: The settings.
        data: The data to train on.
        seed: The source of randomness.
        start: The state of an earlier training with the same settings, data and seed.
    """
    examples, labels, split = data.dataset.train_examples, data.dataset.train_labels, data.split
    batches = model.Batches(
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
    schedule = model.Schedule(
        wanted.learning_rate,
        wanted.learning_rate_decay,
        wanted.schedule,
        wanted.step_epochs,
        wanted.warmup_iterations,
    )
    taken = {name: getattr(wanted, name) for name in model.OPTIMIZER_SETTINGS[wanted.optimizer]}
    return model.train(
        network,
        model.make_optimizer(wanted.optimizer, taken),
        batches,
        model.Examples(examples, labels, split.validation, data.preprocessing, network.dtype),
        schedule,
        l2=wanted.l2,
        iterations=wanted.total_iterations(len(split.train)),
        evaluate_every=wanted.evaluate_every,
        start=start,
    )


@cache
def training_data(folder: Path, settings: DataSettings) -> TrainingData:
    """A data set's training examples, split, with fitted preprocessing; made once per process."""
    dataset = open_dataset(settings, folder)
    split = split_dataset(dataset, settings)
    kind = settings.preprocessing
    return TrainingData(
        dataset, split, model.Preprocessing.fit(dataset.train_examples, split.train, kind)
    )
