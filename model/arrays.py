"""Array types, and memory laid out for speed."""

from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
RawArray: TypeAlias = NDArray[np.uint8] | NDArray[np.floating[Any]]

CACHE_LINE = 64  # bytes


def aligned_zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros whose first byte starts a cache line.

    NumPy starts arrays anywhere; vector instructions then straddle two lines with every other
    access, which costs a tenth of an elementwise pass.
    """
    size = prod(np.atleast_1d(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


class RowBuffer:
    """Memory that is allocated once for the largest batch, and sliced for smaller ones.

    Fresh memory for every batch costs a page fault for every 4 KiB of it, which for batches of
    images is as much time as the arithmetic. What `rows` returns is overwritten by the next batch.

    Args:
        padded: leave a cache line free behind each row. Rows of 3072 numbers are otherwise a whole
            number of pages apart, a column of them competes for the same few places in the cache,
            and a product with the transposed batch takes up to a tenth longer.
    """

    def __init__(self, *, padded: bool = False) -> None:
        self._padding = CACHE_LINE if padded else 0
        self._memory: NDArray[Any] = np.empty((0, 0))

    def rows(self, count: int, width: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array (count, width) over the reused memory, with whatever it last held."""
        memory = self._memory
        if count > len(memory) or width != memory.shape[1] or dtype != memory.dtype:
            stride = width + self._padding // np.dtype(dtype).itemsize
            self._memory = memory = aligned_zeros((count, stride), dtype)[:, :width]
        return memory[:count]

    def like(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return what `rows` does for the shape and type of a two-dimensional array."""
        return self.rows(len(array), array.shape[1], array.dtype)
