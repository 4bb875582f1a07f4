"""What a worker does with one trial: propose, train, store, enter in the study, send to MLflow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from model import EpochRecord, Preprocessing
from search.building import TrainingData, TrialSeed
from search.datasets import open_dataset, split_dataset
from search.errors import StudyhallError
from search.record import Point, StoredRecord, curve_stride, epoch_points, store, value_point
from search.section import Scalar
from search.settings import DataSettings
from search.storage import open_storage
from search.study import Study
from search.study_spec import StudySpec
from search.tracker import Tracker
from search.tracking import StudyRun
from search.trial import TrialState, run_trial

SHOWN = 500  # training examples that a picture of a trial may show
LIVE_SECONDS = 3.0  # how long a trial trains unseen, and between two updates of its run


@dataclass(frozen=True, eq=False)
class Job:
    """All that a worker needs for any trial of a study: names and settings, no open engine."""

    spec: StudySpec
    storage: Path
    spool: Path
    data_folder: Path
    study_run: StudyRun
    tags: Mapping[str, str]

    def record_folder(self, number: int) -> Path:
        """Where the record of a trial waits until MLflow has it."""
        return self.spool / f"trial-{number:04d}"


@dataclass(frozen=True)
class Outcome:
    """What the parent learns of a finished trial; `unsent` says why MLflow does not have it."""

    number: int
    state: TrialState
    value: float | None
    parameters: Mapping[str, Scalar]
    reason: str | None
    seconds: float
    unsent: str | None = None


class Workplace:
    """What a process opens once for a study and keeps for all its trials."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.study = Study(open_storage(job.storage), job.spec)
        self._tracker: Tracker | None = None

    @property
    def tracker(self) -> Tracker:
        """The tracker, opened when something is first sent: MLflow takes seconds to import."""
        if self._tracker is None:
            self._tracker = Tracker(self.job.study_run)
        return self._tracker


_workplace: Workplace | None = None


def work(job: Job, number: int, trial_id: int) -> Outcome:
    """Run trial `number` of a study from proposal to record."""
    place = _open(job)
    proposed = place.study.propose(number, trial_id)
    data = training_data(job.data_folder, proposed.settings.data)
    live = LiveTrial(
        place, number, proposed.settings.training.total_iterations(len(data.split.train))
    )

    def on_epoch(epoch: EpochRecord) -> str | None:
        live.show(epoch)
        return proposed.report(epoch)

    seed = TrialSeed(job.spec.study.seed, number)
    record = run_trial(proposed.settings, data, seed, job.spec.study.metric, on_epoch)
    folder, shown = job.record_folder(number), data.split.train[:SHOWN]
    tags = {**job.tags, "studyhall.seed": str(job.spec.study.seed)}
    stored = store(
        folder,
        record,
        parameters=proposed.parameters,
        reports=proposed.reports,
        notes=proposed.notes,
        points=(*live.points, *value_point(record)),
        tags=tags,
        examples=data.dataset.train_examples[shown],
        labels=data.dataset.train_labels[shown],
    )
    place.study.finish(stored, trial_id)
    return outcome_of(stored, live.send(folder))


def outcome_of(record: StoredRecord, unsent: str | None = None) -> Outcome:
    """What the parent is told of a stored record."""
    seconds = (record.ended - record.started) / 1000
    return Outcome(
        record.number, record.state, record.value, record.parameters, record.reason, seconds, unsent
    )


class LiveTrial:
    """Shows a trial in MLflow while it trains, if it takes longer than a few seconds."""

    def __init__(self, place: Workplace, number: int, iterations: int) -> None:
        self.points: list[Point] = []
        self._place = place
        self._number = number
        self._stride = curve_stride(iterations)
        self._started = self._shown = time.time()
        self._run_id: str | None = None
        self._sent = 0
        self._away = False

    def show(self, epoch: EpochRecord) -> None:
        """Take in an epoch, and send what is new if it is time to."""
        now = time.time()
        self.points += epoch_points(epoch, self._stride, int(now * 1000))
        if now - self._shown < LIVE_SECONDS or self._away:
            return
        try:
            self._send_points()
        except StudyhallError:
            self._away = True  # the record on disk has it all, and is sent when the trial ends
        self._shown = time.time()

    def _send_points(self) -> None:
        tracker = self._place.tracker
        if self._run_id is None:
            self._run_id = tracker.open_trial(self._number, int(self._started * 1000))
        tracker.log_points(self._run_id, self.points[self._sent :])
        self._sent = len(self.points)

    def send(self, folder: Path) -> str | None:
        """Send the stored record; return why that failed, or None."""
        try:
            self._place.tracker.send(folder, self._run_id, self._sent)
        except StudyhallError as error:
            return str(error)
        return None


def _open(job: Job) -> Workplace:
    global _workplace  # one study a process: the next job takes the place of the last
    if _workplace is None or (_workplace.job.study_run, _workplace.job.spec) != (
        job.study_run,
        job.spec,
    ):
        _workplace = Workplace(job)
    return _workplace


@cache
def training_data(folder: Path, settings: DataSettings) -> TrainingData:
    """The training examples of a data set, split and with fitted preprocessing; once a process."""
    dataset = open_dataset(settings, folder)
    split = split_dataset(dataset, settings)
    kind = settings.preprocessing
    return TrainingData(
        dataset, split, Preprocessing.fit(dataset.train_examples, split.train, kind)
    )
