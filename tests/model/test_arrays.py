import numpy as np
import pytest

from studyhall.model.arrays import CACHE_LINE, RowBuffer, aligned_zeros


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [7, (3, 5)])
def test_aligned_zeros_start_a_cache_line(shape, dtype):
    array = aligned_zeros(shape, dtype)
    assert array.ctypes.data % CACHE_LINE == 0
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, np.zeros(shape))


@pytest.mark.parametrize("padded", [False, True])
def test_smaller_batches_reuse_the_memory_of_the_largest(padded):
    buffer = RowBuffer(padded=padded)
    large = buffer.rows(8, 5, np.float32)
    small = buffer.rows(3, 5, np.float32)
    assert large.shape == (8, 5)
    assert small.shape == (3, 5)
    assert np.shares_memory(large, small)
    assert small.flags.c_contiguous is not padded


@pytest.mark.parametrize(("width", "dtype"), [(6, np.float32), (4, np.float32), (5, np.float64)])
def test_another_width_or_type_gets_its_own_memory(width, dtype):
    buffer = RowBuffer()
    buffer.rows(8, 5, np.float32)
    rows = buffer.rows(2, width, dtype)
    assert rows.shape == (2, width)
    assert rows.dtype == dtype
