"""What training makes small: a number that says how wrong the scores of a batch are.

Every loss is a mean over the batch, taken in the loss and nowhere else.
"""

from abc import ABC, abstractmethod

import numpy as np

from .arrays import FloatArray, IntArray, RowBuffer
from .labels import Labels, class_indices, is_one_hot, one_hot


class Loss(ABC):
    """A loss of logits z (batch, outputs) for labels: class numbers (batch,) or one-hot rows.

    Every method raises ValueError for labels that do not fit the logits.
    """

    @abstractmethod
    def value(self, logits: FloatArray, labels: Labels) -> float:
        """Return the loss."""

    @abstractmethod
    def value_and_gradient(self, logits: FloatArray, labels: Labels) -> tuple[float, FloatArray]:
        """Return the loss and dz (batch, outputs), which the next batch overwrites."""

    @abstractmethod
    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Return the probability of each class (batch, classes), in the type of the logits."""

    def predict(self, logits: FloatArray) -> IntArray:
        """Return the likeliest class (batch,) of each example."""
        return logits.argmax(axis=1) if logits.shape[1] > 1 else self._above_half(logits)

    def correct(self, logits: FloatArray, labels: Labels) -> int:
        """Return how many examples are classified correctly."""
        expected = class_indices(labels, len(logits), max(logits.shape[1], 2))
        return int(np.count_nonzero(self.predict(logits) == expected))

    def _above_half(self, logits: FloatArray) -> IntArray:
        return (logits[:, 0] > 0).astype(np.int64)


class SoftmaxCrossEntropy(Loss):
    """Mean over the batch of -log softmax(z)[label], for two classes or more, an output each.

    dz = (softmax(z) - onehot(label)) / batch.
    """

    def __init__(self) -> None:
        self._probabilities, self._gradient = RowBuffer(), RowBuffer()

    def value(self, logits: FloatArray, labels: Labels) -> float:
        """Return the loss."""
        return self._forward(logits, class_indices(labels, *logits.shape))[0]

    def value_and_gradient(self, logits: FloatArray, labels: Labels) -> tuple[float, FloatArray]:
        """Return the loss and dz (batch, classes)."""
        indices = class_indices(labels, *logits.shape)
        value, probabilities = self._forward(logits, indices)
        gradient = self._gradient.like(logits)
        np.copyto(gradient, probabilities.T)
        gradient[np.arange(len(indices)), indices] -= 1
        gradient /= len(indices)
        return value, gradient

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Return softmax(z)."""
        return softmax(logits)

    def _forward(self, logits: FloatArray, labels: IntArray) -> tuple[float, FloatArray]:
        """Return the loss and the probabilities (classes, batch).

        The largest logit of each row is subtracted first. The quotient stays the same, exp cannot
        overflow, and the logarithm is of a sum of at least 1, never of an underflowed probability.
        """
        batch, classes = logits.shape
        # Class by class, because NumPy reduces ten rows of 200 far faster than 200 rows of ten.
        shifted = self._probabilities.rows(classes, batch, logits.dtype)
        np.copyto(shifted, logits.T)
        shifted -= shifted.max(axis=0)
        label_logits = shifted[labels, np.arange(batch)]
        np.exp(shifted, out=shifted)
        sums = shifted.sum(axis=0)
        shifted /= sums
        return float((np.log(sums) - label_logits).mean()), shifted


class SigmoidCrossEntropy(Loss):
    """Mean over the batch of -log of the probability that the sigmoid gives the truth.

    With one output, that of class 1 of two. With more, one yes-or-no question for each class,
    summed over the classes. The target t is 1 for the true class and 0 otherwise, and
    `-t log s(z) - (1 - t) log(1 - s(z)) = max(z, 0) - t z + log(1 + exp(-|z|))`, whose right side
    neither overflows nor takes the logarithm of 0. dz = (s(z) - t) / batch.
    """

    def value(self, logits: FloatArray, labels: Labels) -> float:
        """Return the loss."""
        terms = np.maximum(logits, 0) - _targets(logits, labels) * logits
        terms += np.log1p(np.exp(-np.abs(logits)))
        return float(terms.sum() / len(logits))

    def value_and_gradient(self, logits: FloatArray, labels: Labels) -> tuple[float, FloatArray]:
        """Return the loss and dz (batch, outputs)."""
        gradient = (sigmoid(logits) - _targets(logits, labels)) / len(logits)
        return self.value(logits, labels), gradient.astype(logits.dtype, copy=False)

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Return s(z); with one output beside 1 - s(z), with more scaled to sum to one."""
        return _normalized(sigmoid(logits))


class MeanSquaredError(Loss):
    """Mean over the batch and the outputs of (z - t)², the outputs z being the estimates.

    t is a number for each output (batch, outputs), or what class labels stand for: 1 for the true
    class and 0 otherwise. dz = 2 (z - t) / (batch · outputs).
    """

    def value(self, logits: FloatArray, labels: Labels) -> float:
        """Return the loss."""
        return float(np.square(logits - self._wanted(logits, labels)).mean())

    def value_and_gradient(self, logits: FloatArray, labels: Labels) -> tuple[float, FloatArray]:
        """Return the loss and dz (batch, outputs)."""
        error = logits - self._wanted(logits, labels)
        return float(np.square(error).mean()), error * (2 / error.size)

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Return the estimates cut to 0 to 1 and scaled to sum to one."""
        return _normalized(np.clip(logits, 0, 1))

    def correct(self, logits: FloatArray, labels: Labels) -> int:
        """Return how many examples are classified correctly; 0 if the targets are no classes."""
        if labels.dtype.kind == "f" and not is_one_hot(labels):
            return 0
        return super().correct(logits, labels)

    def _above_half(self, logits: FloatArray) -> IntArray:
        return (logits[:, 0] > 0.5).astype(np.int64)

    def _wanted(self, logits: FloatArray, labels: Labels) -> FloatArray:
        if labels.dtype.kind != "f":
            return _targets(logits, labels)
        if labels.shape != logits.shape or not labels.size or not np.isfinite(labels).all():
            raise ValueError(
                f"targets: must be finite numbers of shape {logits.shape}, at least one row, got "
                f"{labels.dtype} of shape {labels.shape}"
            )
        return np.asarray(labels, logits.dtype)


def softmax(logits: FloatArray) -> FloatArray:
    """Return the probabilities (batch, classes) of logits (batch, classes), in their type."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def sigmoid(logits: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-z)) of logits of any shape, in their type; it cannot overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * logits) + 0.5, logits.dtype)


def _targets(logits: FloatArray, labels: Labels) -> FloatArray:
    """Return what the outputs should be, (batch, outputs): 1 for the true class, 0 otherwise."""
    batch, outputs = logits.shape
    rows = one_hot(class_indices(labels, batch, max(outputs, 2)), max(outputs, 2), logits.dtype)
    return rows if outputs > 1 else rows[:, 1:]


def _normalized(shares: FloatArray) -> FloatArray:
    if shares.shape[1] == 1:
        return np.hstack([1 - shares, shares])
    sums = shares.sum(axis=1, keepdims=True)
    even = np.full_like(shares, 1 / shares.shape[1])
    np.divide(shares, sums, out=even, where=sums > 0)
    return even


LOSSES: dict[str, type[Loss]] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "sigmoid_cross_entropy": SigmoidCrossEntropy,
    "mean_squared_error": MeanSquaredError,
}
