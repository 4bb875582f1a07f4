"""Run the studies of a reference system, and compare the results with the published ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from math import comb
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from studyhall.model import Classifier, accuracy
from studyhall.search.common.errors import InterruptedStudyError, StudyhallError
from studyhall.search.common.options import Options
from studyhall.search.config.section import Scalar
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_file import load_study
from studyhall.search.data.datasets import fetch, open_dataset, split_dataset
from studyhall.search.data.integrity import test_fingerprint
from studyhall.search.data.recorded_data import require_same_data
from studyhall.search.evaluation.evaluation import evaluate
from studyhall.search.evaluation.reference import Quantity, ReferenceStudy, Row, System
from studyhall.search.runner.launcher import launch
from studyhall.search.study.observer import Observer
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.tracking import ledger
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.run_files import load_trained
from studyhall.search.tracking.run_tags import RunTags
from studyhall.search.tracking.study_runs import FINGERPRINT, TEST_FINGERPRINT, complete_trials

if TYPE_CHECKING:
    from studyhall.search.tracking.client import MlflowClient
    from studyhall.search.tracking.study_runs import Run


@dataclass(frozen=True)
class Reproduced:
    """A published number and our measurements of it.

    Attributes:
        system: the name of the reference system.
        study: the study that was run.
        label: what the number describes.
        quantity: what was measured.
        published: the published number or statement, in its own words.
        values: our measurements, one for each repetition.
        agrees: whether their mean agrees with the publication; None if it states no bound.
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
        """The sample standard deviation of our values; None for a single one."""
        return stdev(self.values) if len(self.values) > 1 else None

    def to_dict(self) -> dict[str, object]:
        """The comparison as JSON holds it."""
        return {**asdict(self), "mean": self.mean, "deviation": self.deviation}


def reproduce(
    system: System, options: Options | None = None, observer: Observer | None = None
) -> list[Reproduced]:
    """Run the unfinished studies of a system, and measure what was published of it.

    Each trial that a number describes is evaluated once. The evaluations are recorded as a run
    beside the trials.

    Args:
        system: The reference system.
        options: How to run its studies.
        observer: Receives the progress.

    Raises:
        UsageError: the input must be corrected; no work was started.
        StudyhallError: the work failed; finished trials are kept, and a new call resumes.
    """
    options, observer = options or Options(), observer or Observer()
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
        raise InterruptedStudyError(
            f"{study.name}: stopped; run `studyhall reproduce {system}` again to resume"
        )
    client = open_client(options.tracking_uri)
    recorded = recorded_study(read_storage(options.address), study.name)
    runs = complete_trials(client, study.name, recorded.study_id) if recorded else []
    if not runs:
        raise StudyhallError(f"{study.name}: no trial completed; `studyhall ui` shows why")
    folder = fetch(spec.data_settings, data_dir=options.data_dir, progress=observer.fetching)
    require_same_data(
        folder,
        spec.data_settings,
        RunTags(runs[0].info.run_id, runs[0].data.tags).required(FINGERPRINT),
    )
    test = {TEST_FINGERPRINT: test_fingerprint(folder)}
    with ExitStack() as entered:
        study_run, model = ledger.study_run_of(client, runs[0]), f"the trials of {system}"
        reading = ledger.reading(client, study_run, "reproduction", model, test)
        enter = cache(lambda: entered.enter_context(reading))
        measure = Measure(client, folder, enter)
        for row in study.row:
            for run in _described(study.name, row, runs, measure):
                measure.prepare(run, row.quantity)
        found = [_compare(system, study.name, row, runs, measure) for row in study.row]
        if measure.any_new:
            _record(enter(), found, measure)
    return found


def _described(study: str, row: Row, runs: list[Run], measure: Measure) -> list[Run]:
    """The trials that a published number describes, and those that it compares them with."""
    chosen = _chosen(study, row, runs, measure)
    others = row.above or row.below
    return [*chosen, *(_matching(study, runs, others) if others else ())]


def _chosen(study: str, row: Row, runs: list[Run], measure: Measure) -> list[Run]:
    chosen = _matching(study, runs, row.where)
    if row.best:
        chosen = [max(chosen, key=lambda run: measure(run, "validation_accuracy"))]
    return chosen


def _compare(system: str, study: str, row: Row, runs: list[Run], measure: Measure) -> Reproduced:
    """Measure the trials that a published number describes, and say whether it agrees."""
    chosen = _chosen(study, row, runs, measure)
    values = tuple(measure(run, row.quantity) for run in chosen)
    agrees = None
    if row.low is not None or row.high is not None:
        agrees = (row.low or 0.0) <= fmean(values) <= (1.0 if row.high is None else row.high)
    elif others := row.above or row.below:
        known = {run.data.params.get("repeat"): run for run in _matching(study, runs, others)}
        # A trial whose counterpart of the same repetition failed is left out.
        pairs = [(r, known[n]) for r in chosen if (n := r.data.params.get("repeat")) in known]
        ours, theirs = ([measure(pair[i], row.quantity) for pair in pairs] for i in (0, 1))
        agrees = _mostly_above(ours, theirs) if row.above else _mostly_above(theirs, ours)
    return Reproduced(system, study, row.label, row.quantity, row.published, values, agrees)


def _mostly_above(values: Sequence[float], others: Sequence[float]) -> bool:
    """Whether values are above others, pair by pair: a one-sided sign test at 5 %."""
    pairs = [(a, b) for a, b in zip(values, others, strict=True) if a != b]
    wins = sum(a > b for a, b in pairs)
    at_least_as_many = sum(comb(len(pairs), k) for k in range(wins, len(pairs) + 1))
    return bool(pairs) and at_least_as_many / 2 ** len(pairs) <= 0.05


def _matching(study: str, runs: list[Run], where: Mapping[str, Scalar]) -> list[Run]:
    found = [
        run
        for run in runs
        if all(run.data.params.get(name) == str(value) for name, value in where.items())
    ]
    if not found:
        wanted = ", ".join(f"{name} {value}" for name, value in where.items())
        raise StudyhallError(f"{study}: no trial with {wanted} completed; see `studyhall ui`")
    return found


def _record(entry: ledger.Entry, found: list[Reproduced], measure: Measure) -> None:
    metrics = {f"{f.quantity}_{f.label}".replace(",", ""): f.mean for f in found}
    metrics |= {ledger.EXAMPLES: float(measure.test_examples)} if measure.test_examples else {}
    # Both keys are read back by later versions.
    content = {"figures": [f.to_dict() for f in found], "readings": measure.values}
    entry.record(metrics)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        text = json.dumps(content, indent=2)
        (folder / "reproduction.json").write_text(text + "\n", encoding="utf-8")
        entry.complete(folder)


class Measure:
    """Measures each quantity of each trial of a study once.

    What an earlier reproduction of the same trials measured, above all on the test split, is taken
    from its record instead.

    Attributes:
        values: values by run and quantity.
        any_new: whether any of them was measured now.
        test_examples: how many test examples were read now.
    """

    def __init__(
        self, client: MlflowClient, data_folder: Path, enter: Callable[[], object]
    ) -> None:
        """Measure trials; `enter` is called before each evaluation on the test split."""
        self.values: dict[str, dict[str, float]] = {}
        self.any_new = False
        self.test_examples = 0
        self._client, self._folder, self._enter = client, data_folder, enter
        self._trained: dict[str, tuple[TrialSettings, Classifier]] = {}

    def prepare(self, run: Run, quantity: Quantity) -> None:
        """Load the network that a quantity is measured of, before anything of the test split is.

        Raises:
            StudyhallError: its files are gone or were changed.
        """
        if quantity == "validation_accuracy":
            return
        gap: tuple[Quantity, ...] = ("train_accuracy", "test_accuracy")
        needed = gap if quantity == "accuracy_gap" else (quantity,)
        if not self._known(run).keys() >= set(needed):
            self._load(run)

    def __call__(self, run: Run, quantity: Quantity) -> float:
        """Return a quantity of a complete trial."""
        if quantity == "validation_accuracy":
            # The shipped studies optimize it; runs older than `keep` lack the metric `value`.
            return float(run.data.metrics.get("value", run.data.metrics[quantity]))
        if quantity == "accuracy_gap":
            return self(run, "train_accuracy") - self(run, "test_accuracy")
        known = self._known(run)
        if quantity not in known:
            known[quantity], self.any_new = self._measured(run, quantity), True
        return known[quantity]

    def _known(self, run: Run) -> dict[str, float]:
        if not self.values:
            self.values = ledger.earlier_measures(self._client, run)
        return self.values.setdefault(str(run.info.run_id), {})

    def _load(self, run: Run) -> tuple[TrialSettings, Classifier]:
        run_id = str(run.info.run_id)
        if run_id not in self._trained:
            self._trained[run_id] = load_trained(self._client, run)
        return self._trained[run_id]

    def _measured(self, run: Run, quantity: Quantity) -> float:
        settings, classifier = self._load(run)
        if quantity == "train_accuracy":
            dataset = open_dataset(settings.data, self._folder)
            indices = split_dataset(dataset, settings.data).train
            predictions = classifier.predict(dataset.train_examples[indices])
            return accuracy(dataset.train_labels[indices], predictions)
        self._enter()
        evaluation = evaluate(classifier, self._folder, settings.data)
        self.test_examples = max(self.test_examples, evaluation.examples)
        return evaluation.accuracy
