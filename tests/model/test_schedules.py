import pytest

from model import exponential_decay


@pytest.mark.parametrize(("epoch", "expected"), [(1, 0.2), (2, 0.19), (3, 0.1805)])
def test_each_epoch_runs_one_decay_lower(epoch, expected):
    assert exponential_decay(0.2, 0.95, epoch) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("learning_rate", "decay", "message"),
    [
        (0.0, 0.9, "learning_rate: must be above 0, got 0.0"),
        (float("nan"), 0.9, "learning_rate: must be above 0, got nan"),
        (0.1, 0.0, "learning_rate_decay: must be above 0 and at most 1, got 0.0"),
        (0.1, 1.1, "learning_rate_decay: .* got 1.1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(learning_rate, decay, message):
    with pytest.raises(ValueError, match=message):
        exponential_decay(learning_rate, decay, 1)
