"""The training loop. It yields one record an epoch: the caller logs, prunes or stops."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from .batches import Batches
from .examples import Examples
from .metrics import score
from .network import Network
from .optimizers import Optimizer
from .schedules import exponential_decay


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """What one epoch did.

    Attributes:
        epoch: 1 for the first.
        iteration: iterations done when the epoch ended, over all epochs.
        losses: float32, one an iteration of this epoch: cross-entropy plus L2 term of each batch.
        learning_rate: the rate used in this epoch.
        training_loss: mean cross-entropy of this epoch's examples, each as it was trained on;
            like `validation_loss` without the L2 term, so that the two compare.
        training_accuracy: share of them, 0 to 1, that was classified correctly before its update.
        validation_loss: mean cross-entropy over the validation examples after the epoch.
        validation_accuracy: share of them, 0 to 1, that is classified correctly.
        seconds: what the epoch took, validation included.
    """

    epoch: int
    iteration: int
    losses: NDArray[np.float32]
    learning_rate: float
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


class DivergenceError(ArithmeticError):
    """The loss is no longer a finite number, so that training cannot go on.

    Attributes:
        iteration: the iteration, 1 for the first, whose loss it was.
        loss: that loss, infinite or not a number; the validation loss if it is the first such.
        losses: float32, every loss of the training so far, up to that iteration.
    """

    def __init__(self, iteration: int, loss: float, losses: NDArray[np.float32]) -> None:
        super().__init__(iteration, loss, losses)
        self.iteration, self.loss, self.losses = iteration, loss, losses

    def __str__(self) -> str:
        return f"the loss must stay finite, got {self.loss} in iteration {self.iteration}"


def train(
    network: Network,
    optimizer: Optimizer,
    batches: Batches,
    validation: Examples,
    *,
    learning_rate: float,
    learning_rate_decay: float = 1.0,
    l2: float = 0.0,
    iterations: int,
) -> Iterator[EpochRecord]:
    """Train the network in place, and yield a record after every epoch.

    The same network, batches (with their generator) and settings give the same bits every time,
    on one kind of machine with BLAS on one thread.

    Args:
        network: initialized; changed in place.
        optimizer: attached to the network here, with a fresh state.
        batches: the training examples.
        validation: the examples that each epoch is judged by; read in chunks.
        learning_rate: of the first epoch, above 0.
        learning_rate_decay: factor from each epoch to the next, above 0 and at most 1.
        l2: strength of the penalty ½ · l2 · ‖weights‖², 0 or more.
        iterations: minibatches in all; the last epoch may stop short, and yields its record too.

    Raises:
        ValueError: a setting out of its range (at once, before the first epoch).
        DivergenceError: a loss is not finite.
    """
    exponential_decay(learning_rate, learning_rate_decay, epoch=1)
    if not 0 <= l2 < float("inf"):
        raise ValueError(f"l2: must be a finite number of at least 0, got {l2}")
    if iterations < 1:
        raise ValueError(f"iterations: must be at least 1, got {iterations}")
    optimizer.bind(network.vector)
    run = _Run(network, optimizer, batches, validation, l2, np.empty(iterations, np.float32))
    rates = (learning_rate, learning_rate_decay)
    return (run.epoch(number, exponential_decay(*rates, number)) for number in run.epochs())


@dataclass(eq=False)
class _Run:
    """A training under way: `done` of the `losses` are known."""

    network: Network
    optimizer: Optimizer
    batches: Batches
    validation: Examples
    l2: float
    losses: NDArray[np.float32]
    done: int = 0

    def epochs(self) -> range:
        return range(1, 1 - (-len(self.losses) // self.batches.iterations_per_epoch))

    def epoch(self, number: int, learning_rate: float) -> EpochRecord:
        started, first = perf_counter(), self.done
        # An overflow is reported once, as a DivergenceError, not as warnings on the way there.
        with np.errstate(all="ignore"):
            training_loss, training_accuracy = self._pass(learning_rate)
            validation = score(self.network, self.validation.chunks())
        self._require_finite(validation.loss)
        return EpochRecord(
            epoch=number,
            iteration=self.done,
            losses=self.losses[first : self.done].copy(),
            learning_rate=learning_rate,
            training_loss=training_loss,
            training_accuracy=training_accuracy,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            seconds=perf_counter() - started,
        )

    def _pass(self, learning_rate: float) -> tuple[float, float]:
        loss, correct, count = 0.0, 0, 0
        for inputs, labels in islice(self.batches.epoch(), len(self.losses) - self.done):
            self._record(self.network.loss_and_gradients(inputs, labels, self.l2))
            self.optimizer.step(learning_rate)
            loss += self.network.cross_entropy * len(labels)
            correct += self.network.correct
            count += len(labels)
        return loss / count, correct / count

    def _record(self, loss: float) -> None:
        self.losses[self.done] = loss
        self.done += 1
        self._require_finite(loss)

    def _require_finite(self, loss: float) -> None:
        if not np.isfinite(loss):
            raise DivergenceError(self.done, loss, self.losses[: self.done].copy())
