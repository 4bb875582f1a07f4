"""A Gaussian process fitted to the trials so far, the same on every run; needs PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.study import Study
from optuna.trial import FrozenTrial


class ReproducibleGPSampler(GPSampler):
    """Optuna's, with one thread: the last bits of a sum depend on how many share it."""

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of all parameters that every trial has, once ten trials have completed."""
        with _one_thread():
            return super().sample_relative(study, trial, search_space)


@contextmanager
def _one_thread() -> Iterator[None]:
    import scipy.linalg  # noqa: F401  threadpoolctl limits the libraries that are loaded
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
