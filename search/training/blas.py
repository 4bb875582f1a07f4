"""The threads of the matrix products, on which the last bits of a result depend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fixed_blas_threads(threads: int) -> Iterator[None]:
    """Fix the threads of the matrix products in this process."""
    import numpy  # noqa: F401  threadpoolctl limits the libraries that are loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads, user_api="blas"):
        yield
