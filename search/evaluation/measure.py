"""Measuring recorded trials: each quantity of each trial once, also over several calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.model import Classifier, accuracy
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.datasets import open_dataset, split_dataset
from studyhall.search.evaluation.evaluation import evaluate
from studyhall.search.evaluation.reference import Quantity
from studyhall.search.tracking.ledger import earlier_measures
from studyhall.search.tracking.trained import load_trained

if TYPE_CHECKING:
    from studyhall.search.tracking.tracking import MlflowClient, Run

Readings = dict[str, dict[str, float]]


class Measure:
    """Measures trials of one study.

    What an earlier reproduction of the same trials read, the test split above all, is taken from
    its record and not read again.

    Attributes:
        readings: values by run and quantity.
        news: whether any of them was read now.
        tested: how many test examples were read now.
    """

    def __init__(
        self, client: MlflowClient, data_folder: Path, enter: Callable[[], object]
    ) -> None:
        """Measure trials; `enter` is called before each reading of the test split."""
        self.readings: Readings = {}
        self.news = False
        self.tested = 0
        self._client, self._folder, self._enter = client, data_folder, enter

    def __call__(self, run: Run, quantity: Quantity) -> float:
        """Return a quantity of a trial that completed."""
        if quantity == "validation_accuracy":
            # What the shipped studies select by; runs of before there was `keep` lack it.
            return float(run.data.metrics.get("value", run.data.metrics[quantity]))
        if quantity == "accuracy_gap":
            return self(run, "train_accuracy") - self(run, "test_accuracy")
        if not self.readings:
            self.readings = earlier_measures(self._client, run)
        known = self.readings.setdefault(str(run.info.run_id), {})
        if quantity not in known:
            known[quantity], self.news = self._read(run, quantity), True
        return known[quantity]

    def _read(self, run: Run, quantity: Quantity) -> float:
        trained = load_trained(self._client, run)
        data = trained.settings.data
        if quantity == "train_accuracy":
            return _train_accuracy(trained.classifier, self._folder, data)
        self._enter()
        evaluation = evaluate(trained.classifier, self._folder, data)
        self.tested = max(self.tested, evaluation.examples)
        return evaluation.accuracy


def _train_accuracy(classifier: Classifier, folder: Path, settings: DataSettings) -> float:
    dataset = open_dataset(settings, folder)
    indices = split_dataset(dataset, settings).train
    predictions = classifier.predict(dataset.train_examples[indices])
    return accuracy(dataset.train_labels[indices], predictions)
