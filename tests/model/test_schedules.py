from math import cos, pi

import pytest

from studyhall.model import Schedule

EPOCH, TOTAL = 4, 20  # iterations


def rates(schedule):
    return [schedule.rate(iteration, EPOCH, TOTAL) for iteration in range(TOTAL)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(0.2, 0.5), [0.2] * 4 + [0.1] * 4 + [0.05] * 4 + [0.025] * 4 + [0.0125] * 4),
        (Schedule(0.2), [0.2] * 20),
        (Schedule(0.2, 0.5, "step", step_epochs=2), [0.2] * 8 + [0.1] * 8 + [0.05] * 4),
        (Schedule(0.2, 1, "cosine"), [0.1 * (1 + cos(pi * t / 20)) for t in range(20)]),
        (Schedule(0.2, warmup_iterations=4), [0.05, 0.1, 0.15] + [0.2] * 17),
    ],
)
def test_every_iteration_runs_at_the_rate_of_its_formula(schedule, expected):
    assert rates(schedule) == pytest.approx(expected, rel=1e-14)


def test_warm_up_scales_what_the_schedule_says():
    cold, warm = Schedule(1, 1, "cosine"), Schedule(1, 1, "cosine", warmup_iterations=2)
    assert rates(warm) == pytest.approx([0.5, *rates(cold)[1:]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.0, 0.9), "learning_rate: must be above 0, got 0.0"),
        ((float("nan"), 0.9), "learning_rate: must be above 0, got nan"),
        ((0.1, 0.0), "learning_rate_decay: must be above 0 and at most 1, got 0.0"),
        ((0.1, 1.1), "learning_rate_decay: must be above 0 and at most 1, got 1.1"),
        (
            (0.1, 1, "linear"),
            r"schedule: must be one of \['exponential', 'step', 'cosine'\], got 'linear'",
        ),
        ((0.1, 1, "step", 0), "step_epochs: must be at least 1, got 0"),
        ((0.1, 1, "step", 1, -1), "warmup_iterations: must be at least 0, got -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Schedule(*values)
