"""The training loop. It yields one record an epoch: the caller logs, prunes or stops."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from .arrays import FloatArray
from .batches import Batches
from .diagnostics import DeadUnits, gradient_norm, update_ratio
from .examples import Examples
from .labels import Labels
from .metrics import score
from .network import Network
from .optimizer import Optimizer
from .schedules import Schedule
from .training_state import TrainingState


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """What one epoch did.

    Attributes:
        epoch: 1 for the first.
        iteration: iterations done when the epoch ended, over all epochs.
        losses: float32, one for each iteration since the record before: loss plus L2 term of its
            batch.
        learning_rate: the rate of the epoch's last iteration.
        training_loss: mean loss of the examples since then, each as it was trained on (with
            dropout); like `validation_loss` without the L2 term.
        training_accuracy: share of them, 0 to 1, that was classified correctly before its update.
        validation_loss: mean loss over the validation examples after the epoch.
        validation_accuracy: share of them, 0 to 1, that is classified correctly.
        gradient_norm: Euclidean norm of the last iteration's gradient, the L2 term included.
        update_ratio: norm of the last iteration's change of the weights over that of the weights.
        dead_relu_share: share of ReLU units that fired for no validation example; None if the
            network has none.
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
    gradient_norm: float
    update_ratio: float
    dead_relu_share: float | None
    seconds: float


class DivergenceError(ArithmeticError):
    """The loss is no longer a finite number, so that training cannot go on.

    Attributes:
        iteration: the iteration, 1 for the first, whose loss it was.
        loss: that loss, infinite or not a number; the validation loss if it is the first such.
        losses: float32, every loss of the training since it was started or resumed, up to that
            iteration.
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
    schedule: Schedule,
    *,
    l2: float = 0.0,
    iterations: int,
    evaluate_every: int = 1,
    start: TrainingState | None = None,
) -> "Training":
    """Start to train the network in place; the result yields a record after every epoch.

    The same network, batches (with their generator) and settings give the same bits every time,
    on one kind of machine with BLAS on one thread.

    Args:
        network: initialized; changed in place.
        optimizer: attached to the network here, with a fresh state.
        batches: the training examples.
        validation: the examples that each record is judged by; read in chunks.
        schedule: the learning rate of every iteration.
        l2: strength of the penalty ½ · l2 · ‖weights‖², 0 or more.
        iterations: minibatches in all; the last epoch may stop short, and yields its record too.
        evaluate_every: how many epochs make a record, at least 1: where an epoch is a single
            iteration, judging each would take longer than training it.
        start: the state that an earlier training of the same settings ended a record with; the
            network holds the parameters of that moment, and the records go on from there.

    Raises:
        ValueError: a setting out of its range (at once, before the first epoch).
        DivergenceError: a loss is not finite.
    """
    if not 0 <= l2 < float("inf"):
        raise ValueError(f"l2: must be a finite number of at least 0, got {l2}")
    if iterations < 1 or evaluate_every < 1:
        raise ValueError(
            f"iterations and evaluate_every: must be at least 1, got {iterations} and "
            f"{evaluate_every}"
        )
    optimizer.bind(network.vector)
    done = 0
    if start is not None:
        done = start.iteration
        if done % batches.iterations_per_epoch or done > iterations:
            raise ValueError(
                f"start: must stand at the end of an epoch of {batches.iterations_per_epoch} "
                f"iterations, of {iterations} at most, got iteration {done}"
            )
        start.restore(network, optimizer, batches)
    losses = np.empty(iterations, np.float32)
    stretch = evaluate_every * batches.iterations_per_epoch
    return Training(
        network, optimizer, batches, validation, schedule, l2, losses, stretch, done, done
    )


@dataclass(eq=False)
class Training(Iterator[EpochRecord]):
    """A training under way: an iterator of its records, made by `train`.

    `stretch` is the number of iterations between two records. `done` iterations are over, whose
    losses are known from `first` on.
    """

    network: Network
    optimizer: Optimizer
    batches: Batches
    validation: Examples
    schedule: Schedule
    l2: float
    losses: NDArray[np.float32]
    stretch: int
    first: int
    done: int

    def __next__(self) -> EpochRecord:
        if self.ended:
            raise StopIteration
        return self._record(min((self.done // self.stretch + 1) * self.stretch, len(self.losses)))

    @property
    def ended(self) -> bool:
        """Return whether the last record was given, which can be of a part of an epoch."""
        return self.done >= len(self.losses)

    def state(self) -> TrainingState:
        """Return what resumes the training after its latest record, unless it has `ended`."""
        return TrainingState.of(self.network, self.optimizer, self.batches, self.done)

    def _record(self, stop: int) -> EpochRecord:
        """Train up to an iteration, and judge the network there."""
        started, first = perf_counter(), self.done
        dead = DeadUnits(self.network)
        # An overflow is reported once, as a DivergenceError, not as warnings on the way there.
        with np.errstate(all="ignore"):
            totals, ratio = self._train(stop)
            norm = gradient_norm(self.network)
            validation = score(self.network, dead.watch(self.validation.chunks()))
        self._require_finite(validation.loss)
        length = self.batches.iterations_per_epoch
        return EpochRecord(
            epoch=-(-self.done // length),
            iteration=self.done,
            losses=self.losses[first : self.done].copy(),
            learning_rate=self._rate(self.done - 1),
            training_loss=totals.loss / totals.count,
            training_accuracy=totals.correct / totals.count,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            gradient_norm=norm,
            update_ratio=ratio,
            dead_relu_share=dead.share,
            seconds=perf_counter() - started,
        )

    def _train(self, stop: int) -> "tuple[_Totals, float]":
        """Train up to an iteration; return the sums over the examples and the update ratio."""
        totals, ratio = _Totals(), 0.0
        weights = self.network.vector.values[: self.network.vector.weight_count]
        while self.done < stop:
            for inputs, labels in islice(self.batches.epoch(), stop - self.done):
                before = weights.copy() if self.done == stop - 1 else None
                self._step(inputs, labels)
                totals.add(self.network, len(labels))
                if before is not None:
                    ratio = update_ratio(self.network, before)
        return totals, ratio

    def _step(self, inputs: FloatArray, labels: Labels) -> None:
        loss = self.network.loss_and_gradients(inputs, labels, self.l2)
        self.losses[self.done] = loss
        self.done += 1
        self._require_finite(loss)
        self.optimizer.step(self._rate(self.done - 1))

    def _rate(self, iteration: int) -> float:
        return self.schedule.rate(iteration, self.batches.iterations_per_epoch, len(self.losses))

    def _require_finite(self, loss: float) -> None:
        if not np.isfinite(loss):
            raise DivergenceError(self.done, loss, self.losses[self.first : self.done].copy())


@dataclass
class _Totals:
    """Sums over the examples of an epoch, each as it was trained on."""

    loss: float = 0.0
    correct: int = 0
    count: int = 0

    def add(self, network: Network, examples: int) -> None:
        self.loss += network.data_loss * examples
        self.correct += network.correct
        self.count += examples
