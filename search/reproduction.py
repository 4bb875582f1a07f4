"""Published figures beside ours: the studies of a reference system run, their trials measured."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from model import Classifier, accuracy
from search.datasets import fetch, open_dataset, split_dataset
from search.errors import StudyhallError
from search.evaluation import evaluate
from search.launcher import launch
from search.observer import Observer, Quiet
from search.options import Options
from search.reference import Quantity, ReferenceStudy, Row, System
from search.section import Scalar
from search.settings import DataSettings
from search.storage import read_storage
from search.study import recorded_study
from search.study_file import load_study
from search.tracking import complete_trials, log_reproduction, open_client
from search.trained import load_trained

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Reproduced:
    """A published figure beside ours.

    Attributes:
        system: the reference system's name.
        study: the study that was run.
        label: what the figure is of.
        quantity: what was measured.
        published: the published figure, in its own words.
        values: ours, one for each repetition.
        agrees: whether their mean keeps to the published figure; None if that is no number.
    """

    system: str
    study: str
    label: str
    quantity: Quantity
    published: str
    values: tuple[float, ...]
    agrees: bool | None

    @property
    def mean(self) -> float:
        """The mean of our values."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation (with n - 1), if there are two at least."""
        return stdev(self.values) if len(self.values) > 1 else None

    def to_dict(self) -> dict[str, object]:
        """The figures as JSON holds them."""
        return {**asdict(self), "mean": self.mean, "deviation": self.deviation}


def reproduce(
    system: System, options: Options | None = None, observer: Observer | None = None
) -> list[Reproduced]:
    """Run what is missing of a system's studies, and measure what was published of it.

    The test split is read by the evaluation, once for each trial that a figure is of; the readings
    are recorded as a run of their own beside the trials.

    Args:
        system: The reference system.
        options: How to run its studies.
        observer: Who is told of the progress.

    Raises:
        UsageError: something to correct was found before any work started.
        StudyhallError: the work failed; what finished is kept, and a new call goes on from there.
    """
    options, observer = options or Options(), observer or Quiet()
    return [
        found
        for study in system.study
        for found in _reproduce(system.name, study, options, observer)
    ]


def _reproduce(
    system: str, study: ReferenceStudy, options: Options, observer: Observer
) -> list[Reproduced]:
    spec = load_study(study.name)
    if launch(spec, options, observer).interrupted:
        raise StudyhallError(f"{study.name}: interrupted; reproduce {system} again to go on")
    client = open_client(options.tracking_uri)
    recorded = recorded_study(read_storage(options.journal), study.name)
    runs = complete_trials(client, study.name, recorded.study_id) if recorded else []
    folder = fetch(spec.data_settings, data_dir=options.data_dir, progress=observer.fetching)
    measure = _Measure(client, folder)
    found = [_compare(system, study.name, row, runs, measure) for row in study.row]
    _record(client, runs[0], found, measure)
    return found


class _Measure:
    """Measures trials, each quantity of each once."""

    def __init__(self, client: MlflowClient, data_folder: Path) -> None:
        self.readings: dict[str, dict[str, float]] = {}
        self._client, self._folder = client, data_folder

    def __call__(self, run: Run, quantity: Quantity) -> float:
        known = self.readings.setdefault(f"trial-{int(run.data.tags['studyhall.trial']):04d}", {})
        if quantity not in known:
            known[quantity] = self._measured(run, quantity)
        return known[quantity]

    def _measured(self, run: Run, quantity: Quantity) -> float:
        if quantity == "validation_accuracy":
            return float(run.data.metrics[quantity])
        trained = load_trained(self._client, run)
        data = trained.settings.data
        if quantity == "train_accuracy":
            return _train_accuracy(trained.classifier, self._folder, data)
        return evaluate(trained.classifier, self._folder, data).accuracy


def _train_accuracy(classifier: Classifier, folder: Path, settings: DataSettings) -> float:
    dataset = open_dataset(settings, folder)
    indices = split_dataset(dataset, settings).train
    predictions = classifier.predict(dataset.train_examples[indices])
    return accuracy(dataset.train_labels[indices], predictions)


def _compare(system: str, study: str, row: Row, runs: list[Run], measure: _Measure) -> Reproduced:
    chosen = _matching(runs, row.where)
    if row.best:
        chosen = [max(chosen, key=lambda run: measure(run, "validation_accuracy"))]
    if not chosen:
        raise StudyhallError(f"{study}: no trial has completed of those that {row.label} is about")
    values = tuple(measure(run, row.quantity) for run in chosen)
    agrees = _agrees(row, fmean(values))
    if row.above is not None:
        others = [measure(run, row.quantity) for run in _matching(runs, row.above)]
        agrees = fmean(values) > fmean(others)
    return Reproduced(system, study, row.label, row.quantity, row.published, values, agrees)


def _agrees(row: Row, mean: float) -> bool | None:
    if row.low is None and row.high is None:
        return None
    return (row.low is None or mean >= row.low) and (row.high is None or mean <= row.high)


def _matching(runs: list[Run], where: Mapping[str, Scalar]) -> list[Run]:
    return [
        run
        for run in runs
        if all(run.data.params.get(name) == str(value) for name, value in where.items())
    ]


def _record(client: MlflowClient, trial: Run, found: list[Reproduced], measure: _Measure) -> None:
    metrics = {f"{f.quantity}_{f.label}".replace(",", ""): f.mean for f in found}
    content = {"figures": [f.to_dict() for f in found], "readings": measure.readings}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        text = json.dumps(content, indent=2)
        (folder / "reproduction.json").write_text(text + "\n", encoding="utf-8")
        parent = trial.data.tags["mlflow.parentRunId"]
        log_reproduction(client, trial.info.experiment_id, parent, metrics, folder)
