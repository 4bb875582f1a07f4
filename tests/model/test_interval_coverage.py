"""Whether the interval of a test accuracy covers the true accuracy as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from studyhall.model import wilson_interval


@pytest.mark.parametrize(("accuracy", "examples"), [(0.555, 10_000), (0.58, 10_000), (0.9, 1_000)])
def test_the_interval_covers_the_true_accuracy_in_95_of_100_draws(accuracy, examples):
    draws = np.random.default_rng(5).binomial(examples, accuracy, 10_000)
    intervals = {count: wilson_interval(count, examples) for count in np.unique(draws).tolist()}
    covered = [intervals[n][0] <= accuracy <= intervals[n][1] for n in draws.tolist()]
    assert 0.94 <= np.mean(covered) <= 0.96
