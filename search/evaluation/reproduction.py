"""Published figures beside ours: the studies of a reference system run, their trials measured."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from math import comb
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from studyhall.search.common.errors import InterruptedStudyError, StudyhallError
from studyhall.search.common.options import Options
from studyhall.search.config.section import Scalar
from studyhall.search.config.study_file import load_study
from studyhall.search.data.datasets import fetch
from studyhall.search.data.integrity import test_fingerprint
from studyhall.search.data.recorded_data import require_same_data
from studyhall.search.evaluation.measure import Measure
from studyhall.search.evaluation.reference import Quantity, ReferenceStudy, Row, System
from studyhall.search.runner.launcher import launch
from studyhall.search.study.observer import Observer, Quiet
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.tracking.ledger import EXAMPLES, Entry, reading, study_run_of
from studyhall.search.tracking.tracking import (
    FINGERPRINT,
    TEST_FINGERPRINT,
    complete_trials,
    open_client,
)

if TYPE_CHECKING:
    from studyhall.search.tracking.tracking import Run


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
        raise InterruptedStudyError(f"{study.name}: stopped; reproduce {system} again to go on")
    client = open_client(options.tracking_uri)
    recorded = recorded_study(read_storage(options.address), study.name)
    runs = complete_trials(client, study.name, recorded.study_id) if recorded else []
    if not runs:
        raise StudyhallError(f"{study.name}: no trial has completed; `studyhall ui` shows why")
    folder = fetch(spec.data_settings, data_dir=options.data_dir, progress=observer.fetching)
    require_same_data(folder, spec.data_settings, runs[0].data.tags[FINGERPRINT])
    test = {TEST_FINGERPRINT: test_fingerprint(folder)}
    with ExitStack() as ledger:
        study_run, model = study_run_of(client, runs[0]), f"the trials of {system}"
        enter = cache(
            lambda: ledger.enter_context(reading(client, study_run, "reproduction", model, test))
        )
        measure = Measure(client, folder, enter)
        found = [_compare(system, study.name, row, runs, measure) for row in study.row]
        if measure.news:
            _record(enter(), found, measure)
    return found


def _compare(system: str, study: str, row: Row, runs: list[Run], measure: Measure) -> Reproduced:
    chosen = _matching(study, runs, row.where)
    if row.best:
        chosen = [max(chosen, key=lambda run: measure(run, "validation_accuracy"))]
    values = tuple(measure(run, row.quantity) for run in chosen)
    agrees = None
    if row.low is not None or row.high is not None:
        agrees = (row.low or 0.0) <= fmean(values) <= (1.0 if row.high is None else row.high)
    elif others := row.above or row.below:
        pairs = _by_repetition(chosen, _matching(study, runs, others))
        ours, theirs = ([measure(pair[i], row.quantity) for pair in pairs] for i in (0, 1))
        agrees = _mostly_above(ours, theirs) if row.above else _mostly_above(theirs, ours)
    return Reproduced(system, study, row.label, row.quantity, row.published, values, agrees)


def _by_repetition(runs: list[Run], others: list[Run]) -> list[tuple[Run, Run]]:
    """Trials of the same repetition; one whose counterpart failed has none to be compared with."""
    known = {run.data.params.get("repeat"): run for run in others}
    return [(r, known[n]) for r in runs if (n := r.data.params.get("repeat")) in known]


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
        raise StudyhallError(f"{study}: no trial with {wanted} has completed; see `studyhall ui`")
    return found


def _record(entry: Entry, found: list[Reproduced], measure: Measure) -> None:
    metrics = {f"{f.quantity}_{f.label}".replace(",", ""): f.mean for f in found}
    metrics |= {EXAMPLES: float(measure.tested)} if measure.tested else {}
    content = {"figures": [f.to_dict() for f in found], "readings": measure.readings}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        text = json.dumps(content, indent=2)
        (folder / "reproduction.json").write_text(text + "\n", encoding="utf-8")
        entry.complete(metrics, folder)
