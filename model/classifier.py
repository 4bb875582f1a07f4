"""A trained network together with all it needs to judge raw images."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from .arrays import ByteArray, FloatArray, RowBuffer
from .examples import CHUNK
from .losses import softmax
from .network import Network
from .preprocessing import Preprocessing


class Classifier:
    """Raw uint8 images in, class probabilities out: preprocessing cannot be forgotten.

    Args:
        network: the trained network.
        preprocessing: what it was trained with.
        classes: a name for each output of the network, in order.
        example_shape: shape of one image, such as (32, 32, 3).

    Raises:
        ValueError: the parts do not fit together.
    """

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        classes: tuple[str, ...],
        example_shape: tuple[int, ...],
    ) -> None:
        self.network, self.preprocessing = network, preprocessing
        self.classes, self.example_shape = tuple(classes), tuple(example_shape)
        self._check()

    def _check(self) -> None:
        architecture = self.network.architecture
        if len(self.classes) != architecture.outputs:
            raise ValueError(
                f"classes: must be {architecture.outputs} names, got {len(self.classes)}"
            )
        for name, size in (
            ("example_shape", prod(self.example_shape)),
            ("preprocessing", len(self.preprocessing.mean)),
        ):
            if size != architecture.inputs:
                raise ValueError(f"{name}: must make {architecture.inputs} inputs, got {size}")

    def logits(self, images: ByteArray) -> FloatArray:
        """Return the scores (N, classes) of uint8 images (N, *example_shape), in chunks.

        Raises:
            ValueError: the images have another type or shape.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.example_shape:
            expected = ", ".join(("N", *map(str, self.example_shape)))
            raise ValueError(
                f"images: must be uint8 of shape ({expected}), got {images.dtype} {images.shape}"
            )
        inputs = self.network.architecture.inputs
        flat, buffer = images.reshape(len(images), inputs), RowBuffer()
        logits = np.empty((len(images), len(self.classes)), self.network.dtype)
        for start in range(0, len(images), CHUNK):
            raw = flat[start : start + CHUNK]
            rows = buffer.rows(len(raw), inputs, self.network.dtype)
            logits[start : start + CHUNK] = self.network.logits(self.preprocessing.apply(raw, rows))
        return logits

    def probabilities(self, images: ByteArray) -> NDArray[np.float32]:
        """Return the probability of each class, (N, classes), for images as `logits` takes them."""
        return np.asarray(softmax(self.logits(images)), np.float32)

    def predict(self, images: ByteArray) -> NDArray[np.int64]:
        """Return the number of the likeliest class, (N,), for images as `logits` takes them."""
        return np.asarray(self.logits(images).argmax(axis=1), np.int64)
