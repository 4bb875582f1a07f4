"""Labelled images, read a few at a time from wherever they lie."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arrays import ByteArray, FloatArray, IntArray, RowBuffer
from .preprocessing import Preprocessing

# Enough rows for full speed in a matrix product; 6 MB of float32 CIFAR-10 images.
CHUNK = 500


class Examples:
    """Some of the images of a data set, with their labels, preprocessed as they are read.

    Args:
        images: raw uint8 (N, ...), possibly memory-mapped; never copied as a whole.
        labels: whole numbers (N,), 0 or more.
        indices: which of the N belong, whole numbers (n,), at least one.
        preprocessing: from raw values to inputs.
        dtype: floating type of the inputs.

    Raises:
        ValueError: the arrays do not fit together.
    """

    def __init__(
        self,
        images: ByteArray,
        labels: IntArray,
        indices: IntArray,
        preprocessing: Preprocessing,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.indices = np.asarray(indices)
        _check(images, labels, self.indices)
        self.preprocessing = preprocessing
        self.dtype = np.dtype(dtype)
        self._images = np.asarray(images).reshape(len(images), -1)
        self._labels: NDArray[np.int64] = np.asarray(labels, np.int64)
        self._raw, self._inputs = RowBuffer(), RowBuffer(padded=True)

    def __len__(self) -> int:
        return len(self.indices)

    def gather(self, indices: IntArray) -> tuple[FloatArray, IntArray]:
        """Return inputs (n, inputs) and labels (n,) int64 of the images at the indices.

        The inputs are overwritten by the next call.
        """
        count, width = len(indices), self._images.shape[1]
        raw = self._raw.rows(count, width, np.uint8)
        inputs = self._inputs.rows(count, width, self.dtype)
        # "clip" lets NumPy write straight into `raw`: the indices were checked once, at the start.
        np.take(self._images, indices, axis=0, out=raw, mode="clip")
        return self.preprocessing.apply(raw, inputs), self._labels[indices]

    def chunks(self) -> Iterator[tuple[FloatArray, IntArray]]:
        """Yield all examples in the order of the indices, a few hundred at a time."""
        for start in range(0, len(self), CHUNK):
            yield self.gather(self.indices[start : start + CHUNK])


def _check(images: ByteArray, labels: IntArray, indices: IntArray) -> None:
    if images.dtype != np.uint8 or images.ndim < 2:
        raise ValueError(f"images: must be uint8 (N, ...), got {images.dtype} {images.shape}")
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels: must be {len(images)} whole numbers, got {labels.dtype} {labels.shape}"
        )
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or len(indices) == 0:
        raise ValueError(
            f"indices: must be a vector of at least one whole number, "
            f"got {indices.dtype} {indices.shape}"
        )
    if indices.min() < 0 or indices.max() >= len(images):
        raise ValueError(
            f"indices: must be from 0 to {len(images) - 1}, got {indices.min()} to {indices.max()}"
        )
