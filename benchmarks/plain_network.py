"""The peer: a two-layer network and its training as the course write-ups spell them out.

Plain NumPy in float64: images with the mean subtracted beforehand, minibatches by
`np.random.choice` with replacement, a dictionary of gradients, the rate lowered once an epoch. It
records nothing but the losses and accuracies that it returns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class PlainData:
    """Images float64 (N, inputs), the mean of the training images subtracted, and labels (N,)."""

    x_train: Images
    y_train: Labels
    x_val: Images
    y_val: Labels

    @classmethod
    def centred(
        cls, images: NDArray[np.uint8], labels: Labels, train: int, val: int
    ) -> "PlainData":
        """Take the first `train` images to train on, and the next `val` to validate by.

        Args:
            images: uint8 (N, height, width, channels).
            labels: (N,).
            train: how many train.
            val: how many validate.
        """
        x = images[: train + val].reshape(train + val, -1).astype(np.float64)
        x -= x[:train].mean(axis=0)
        y = labels[: train + val]
        return cls(x[:train], y[:train], x[train:], y[train:])


class TwoLayerNet:
    """Affine, ReLU, affine, softmax."""

    def __init__(self, inputs: int, hidden: int, classes: int, std: float = 1e-4) -> None:
        self.params = {
            "W1": std * np.random.randn(inputs, hidden),  # noqa: NPY002  as the write-ups do
            "b1": np.zeros(hidden),
            "W2": std * np.random.randn(hidden, classes),  # noqa: NPY002
            "b2": np.zeros(classes),
        }

    def loss(self, x: Images, y: Labels, reg: float) -> tuple[float, dict[str, Images]]:
        """Return the loss, with 0.5 * reg * |W|^2, and the gradient of each parameter."""
        w1, w2, count = self.params["W1"], self.params["W2"], len(x)
        h = np.maximum(0, x.dot(w1) + self.params["b1"])
        scores = h.dot(w2) + self.params["b2"]
        exps = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs = exps / exps.sum(axis=1, keepdims=True)
        loss = -np.log(probs[range(count), y]).mean()
        loss += 0.5 * reg * (np.sum(w1**2) + np.sum(w2**2))
        dscores = probs
        dscores[range(count), y] -= 1
        dscores /= count
        dh = dscores.dot(w2.T)
        dh[h <= 0] = 0
        grads = {
            "W1": x.T.dot(dh) + reg * w1,
            "b1": dh.sum(axis=0),
            "W2": h.T.dot(dscores) + reg * w2,
            "b2": dscores.sum(axis=0),
        }
        return float(loss), grads

    def predict(self, x: Images) -> Labels:
        """Return the class of each image."""
        h = np.maximum(0, x.dot(self.params["W1"]) + self.params["b1"])
        scores = h.dot(self.params["W2"]) + self.params["b2"]
        return np.asarray(np.argmax(scores, axis=1), np.int64)

    def train(
        self,
        data: PlainData,
        learning_rate: float,
        reg: float,
        iterations: int,
        decay: float = 0.95,
        batch_size: int = 200,
    ) -> dict[str, list[float]]:
        """Train by stochastic gradient descent; return the losses and each epoch's accuracies."""
        count = len(data.x_train)
        per_epoch = max(count // batch_size, 1)
        history: dict[str, list[float]] = {"loss": [], "train_acc": [], "val_acc": []}
        for iteration in range(iterations):
            rows = np.random.choice(count, batch_size)  # noqa: NPY002  as the write-ups do
            x, y = data.x_train[rows], data.y_train[rows]
            loss, grads = self.loss(x, y, reg)
            history["loss"].append(loss)
            for name in self.params:
                self.params[name] -= learning_rate * grads[name]
            if iteration % per_epoch == 0:
                history["train_acc"].append(float((self.predict(x) == y).mean()))
                history["val_acc"].append(float((self.predict(data.x_val) == data.y_val).mean()))
                learning_rate *= decay
        return history
