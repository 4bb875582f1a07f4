"""Labelled examples, read a few at a time from wherever they lie."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arrays import FloatArray, IntArray, RawArray, RowBuffer
from .preprocessing import Preprocessing, check_raw

# Enough rows for full speed in a matrix product; 6 MB of float32 CIFAR-10 images.
CHUNK = 500


class Examples:
    """Some of the examples of a data set, with their labels, preprocessed as they are read.

    Args:
        raw: what they are before preprocessing, (N, ...): uint8 for images, finite float32 or
            float64 for other measurements; possibly memory-mapped, never copied as a whole.
        labels: whole numbers (N,), 0 or more.
        indices: which of the N belong, whole numbers (n,), at least one.
        preprocessing: from raw values to inputs.
        dtype: floating type of the inputs.

    Raises:
        ValueError: the arrays do not fit together.
    """

    def __init__(
        self,
        raw: RawArray,
        labels: IntArray,
        indices: IntArray,
        preprocessing: Preprocessing,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.indices = np.asarray(indices)
        _check(raw, labels, self.indices)
        self.preprocessing = preprocessing
        self.example_shape = raw.shape[1:]
        self.dtype = np.dtype(dtype)
        self._all = np.asarray(raw).reshape(len(raw), -1)
        self._labels: NDArray[np.int64] = np.asarray(labels, np.int64)
        self._raw, self._inputs = RowBuffer(), RowBuffer(padded=True)

    def __len__(self) -> int:
        return len(self.indices)

    def gather(
        self, indices: IntArray, mirrored: NDArray[np.bool_] | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Return inputs (n, inputs) and labels (n,) int64 of the examples at the indices.

        The inputs are overwritten by the next call.

        Args:
            indices: which of the N, whole numbers (n,).
            mirrored: (n,), which of them to flip left to right; needs images.
        """
        count, width = len(indices), self._all.shape[1]
        raw = self._raw.rows(count, width, self._all.dtype)
        inputs = self._inputs.rows(count, width, self.dtype)
        # "clip" lets NumPy write straight into `raw`: the indices were checked once, at the start.
        np.take(self._all, indices, axis=0, out=raw, mode="clip")
        if mirrored is not None:
            images = raw.reshape(count, *self.example_shape)
            images[mirrored] = images[mirrored, :, ::-1]
        return self.preprocessing.apply(raw, inputs), self._labels[indices]

    def chunks(self) -> Iterator[tuple[FloatArray, IntArray]]:
        """Yield all examples in the order of the indices, a few hundred at a time."""
        for start in range(0, len(self), CHUNK):
            yield self.gather(self.indices[start : start + CHUNK])


def _check(raw: RawArray, labels: IntArray, indices: IntArray) -> None:
    check_raw(raw)
    if labels.shape != (len(raw),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels: must be {len(raw)} whole numbers, got {labels.dtype} {labels.shape}"
        )
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or len(indices) == 0:
        raise ValueError(
            f"indices: must be a vector of at least one whole number, "
            f"got {indices.dtype} {indices.shape}"
        )
    if indices.min() < 0 or indices.max() >= len(raw):
        raise ValueError(
            f"indices: must be from 0 to {len(raw) - 1}, got {indices.min()} to {indices.max()}"
        )
