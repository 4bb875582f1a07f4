"""How much better a champion is on the validation examples, whatever it was selected by."""

from __future__ import annotations

import pytest

from studyhall import StudySpec, champion, judge
from studyhall.model import accuracy
from studyhall.search.data.datasets import fetch, open_dataset, split_dataset
from studyhall.search.tracking.registry import Champion
from tests.search.moons import SPEC, Moons


def measured(winner: Champion) -> float:
    """The accuracy of a champion's weights on its validation examples."""
    settings = winner.settings.data
    dataset = open_dataset(settings, fetch(settings))
    rows = split_dataset(dataset, settings).validation
    predicted = winner.classifier.predict(dataset.train_examples[rows])
    return accuracy(dataset.train_labels[rows], predicted)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_study_of_losses_has_the_gap_of_the_weights_that_were_kept(keep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    moons = Moons(tmp_path)
    study = {**SPEC["study"], "trials": 1, "metric": "validation_loss", "direction": "minimize"}
    # At this rate the loss goes up and down, so that the last epoch is not the best.
    rate = {"learning_rate": {"type": "float", "low": 1.0, "high": 1.5}}
    training = {**SPEC["training"], "epochs": 8, "keep": keep}
    table = {**SPEC, "study": study, "network": {"hidden": [8]}, "training": training}
    moons.run(StudySpec.model_validate({**table, "search_space": rate}), preflight=False)
    winner = champion("moons", moons.tracking_uri)
    (run,) = moons.runs()
    curve = moons.client.get_metric_history(run.info.run_id, "validation_loss")
    assert min(curve, key=lambda point: point.value).step < curve[-1].step
    assert winner.validation_accuracy == pytest.approx(measured(winner))
    verdict = judge("moons", moons.tracking_uri)
    gap = measured(winner) - verdict.evaluation.accuracy
    assert verdict.gap == pytest.approx(gap)
    recorded = moons.client.get_run(verdict.run_id).data.metrics["validation_test_gap"]
    assert recorded == pytest.approx(gap)
