"""A trained network together with all it needs to judge raw examples."""

from math import prod

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arrays import FloatArray, RawArray, RowBuffer
from .examples import CHUNK
from .network import Network
from .preprocessing import Preprocessing, check_raw


class Classifier:
    """Raw examples in, class probabilities out: preprocessing cannot be forgotten.

    Args:
        network: the trained network.
        preprocessing: what it was trained with.
        classes: a name for each class, in order.
        example_shape: shape of one example, such as (32, 32, 3).
        example_dtype: type of raw examples: uint8 for images, float32 for other measurements.

    Raises:
        ValueError: the parts do not fit together.
    """

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        classes: tuple[str, ...],
        example_shape: tuple[int, ...],
        example_dtype: DTypeLike = np.uint8,
    ) -> None:
        self.network, self.preprocessing = network, preprocessing
        self.classes, self.example_shape = tuple(classes), tuple(example_shape)
        self.example_dtype = np.dtype(example_dtype)
        self._check()

    def _check(self) -> None:
        architecture = self.network.architecture
        if len(self.classes) != architecture.classes:
            raise ValueError(
                f"classes: must be {architecture.classes} names, got {len(self.classes)}"
            )
        if not all(isinstance(name, str) for name in self.classes):
            raise ValueError(f"classes: must be names, got {self.classes}")
        if not all(type(length) is int and length > 0 for length in self.example_shape):
            raise ValueError(
                f"example_shape: must be whole numbers of at least 1, got {self.example_shape}"
            )
        for name, size in (
            ("example_shape", prod(self.example_shape)),
            ("preprocessing", len(self.preprocessing.mean)),
        ):
            if size != architecture.inputs:
                raise ValueError(f"{name}: must make {architecture.inputs} inputs, got {size}")
        if self.example_dtype not in (np.uint8, np.float32):
            raise ValueError(f"example_dtype: must be uint8 or float32, got {self.example_dtype}")

    def logits(self, raw: RawArray) -> FloatArray:
        """Return the scores (N, outputs) of raw examples `(N, *example_shape)`, in chunks.

        Raises:
            ValueError: the examples have another type or shape, or are not finite.
        """
        if raw.dtype != self.example_dtype or raw.shape[1:] != self.example_shape:
            expected = ", ".join(("N", *map(str, self.example_shape)))
            raise ValueError(
                f"examples: must be {self.example_dtype} of shape ({expected}), "
                f"got {raw.dtype} {raw.shape}"
            )
        check_raw(raw)
        architecture, buffer = self.network.architecture, RowBuffer()
        flat = raw.reshape(len(raw), architecture.inputs)
        logits = np.empty((len(raw), architecture.outputs), self.network.dtype)
        for start in range(0, len(raw), CHUNK):
            chunk = flat[start : start + CHUNK]
            rows = buffer.rows(len(chunk), architecture.inputs, self.network.dtype)
            inputs = self.preprocessing.apply(chunk, rows)
            logits[start : start + CHUNK] = self.network.logits(inputs)
        return logits

    def probabilities(self, raw: RawArray) -> NDArray[np.float32]:
        """Return the probability of each class, (N, classes), for examples as `logits` takes."""
        return np.asarray(self.network.loss_function.probabilities(self.logits(raw)), np.float32)

    def predict(self, raw: RawArray) -> NDArray[np.int64]:
        """Return the number of the likeliest class, (N,), for examples as `logits` takes them."""
        return np.asarray(self.network.loss_function.predict(self.logits(raw)), np.int64)
