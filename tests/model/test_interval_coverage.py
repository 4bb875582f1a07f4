"""Whether the interval of a test accuracy covers the true accuracy as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from studyhall.model import wilson_interval


@pytest.mark.parametrize(("accuracy", "examples"), [(0.555, 10_000), (0.58, 10_000), (0.9, 1_000)])
def test_the_interval_covers_the_true_accuracy_in_95_of_100_draws(accuracy, examples):
    draws = np.random.default_rng(5).binomial(examples, accuracy, 10_000)
    intervals = {count: wilson_interval(count, examples) for count in np.unique(draws).tolist()}
    covered = [intervals[n][0] <= accuracy <= intervals[n][1] for n in draws.tolist()]
    assert 0.94 <= np.mean(covered) <= 0.96


@pytest.mark.parametrize(
    ("accuracy", "examples", "coverage"),
    [
        (0.9, 1000, 0.949),
        (0.99, 100, 0.921),
        (0.999, 100, 0.905),
        (0.999, 1000, 0.920),
        (0.999, 10_000, 0.963),
    ],
)
def test_the_coverage_near_1_is_what_the_page_on_the_test_set_says(accuracy, examples, coverage):
    counts = np.arange(examples + 1)
    low, high = np.transpose([wilson_interval(count, examples) for count in counts.tolist()])
    covering = counts[(low <= accuracy) & (accuracy <= high)]
    assert binom.pmf(covering, examples, accuracy).sum() == pytest.approx(coverage, abs=5e-4)
