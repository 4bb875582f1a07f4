"""A trial trained again to where it was pruned, without a pruner."""

from __future__ import annotations

import numpy as np
import pytest

from studyhall.model import EpochRecord, weights_sha256
from studyhall.search.config.settings import TrialSettings
from studyhall.search.data.datasets import fetch
from studyhall.search.training.building import TrialSeed, training_data
from studyhall.search.training.retraining import Stop, retrain
from studyhall.search.training.trial import run_trial


def settings(**training: object) -> TrialSettings:
    return TrialSettings.model_validate(
        {
            "data": {"name": "two_moons", "train": 150, "validation": 50},
            "network": {"hidden": [8], "dropout": 0.2},
            "training": {"learning_rate": 0.3, "batch_size": 20, "keep": "best", **training},
        }
    )


@pytest.mark.parametrize("reason", [None, "median pruned it"])
@pytest.mark.parametrize(
    "training", [{"epochs": 9}, {"epochs": 9, "evaluate_every": 2}, {"iterations": 61}]
)
def test_a_trial_trained_again_ends_where_it_ended(cache, training, reason):
    wanted, seed = settings(**training), TrialSeed(3, 5)
    data = training_data(fetch(wanted.data), wanted.data)
    records = []

    def on_epoch(epoch: EpochRecord) -> str | None:
        records.append(epoch)
        return reason if len(records) == 3 else None

    first = run_trial(wanted, data, seed, "validation_loss", on_epoch)
    stop = Stop(first.epochs[-1].epoch, reason) if reason else None
    again = retrain(wanted, data, seed, "validation_loss", stop)
    assert (again.state, again.reason, again.value) == (first.state, first.reason, first.value)
    assert [epoch.iteration for epoch in again.epochs] == [e.iteration for e in first.epochs]
    assert np.array_equal(again.losses, first.losses)
    assert weights_sha256(again.classifier) == weights_sha256(first.classifier)
