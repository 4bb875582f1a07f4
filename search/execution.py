"""What a worker does with one trial: claim, propose, train, store, enter in the study."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from model import EpochRecord, Preprocessing
from search.building import TrainingData, TrialSeed, multiplications
from search.claims import Claimed
from search.datasets import open_dataset, split_dataset
from search.errors import StudyhallError
from search.heartbeat import ClaimLostError, Heartbeat
from search.live_points import LivePoints
from search.record import StoredRecord, store, value_point
from search.settings import DataSettings, TrialSettings
from search.spool import Spool
from search.storage import reopen_storage
from search.study import ProposedTrial, Study
from search.study_spec import StudySpec
from search.tracking import FINGERPRINT
from search.training_saver import FileSaver, TrainingSaver
from search.trial import DEADLY, TrialRecord, give_up, run_trial
from search.trial_identity import identify

SHOWN = 500  # training examples that a picture of a trial may show
_PATIENCE_SECONDS = 1.0  # how long a worker waits for a trial before it asks its launch to go on
_PAUSES_SECONDS = (0.02, 0.25)  # between two looks, the first and the longest


@dataclass(frozen=True)
class Job:
    """All that a worker needs for the trials of a study: names and settings, no open engine.

    `attempts` is how many workers in a row a trial may bring down before it is failed; with
    `longest_first`, the study's last trials are begun in the order of what they cost.
    """

    spec: StudySpec
    storage: Path | str
    spool: Path
    data_folder: Path
    tags: Mapping[str, str]
    attempts: int
    longest_first: bool = False


class Workplace:
    """What a process opens once for a study and keeps for all its trials."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.spool = Spool(job.spool)
        self.study = Study(reopen_storage(job.storage), job.spec, partial(_progress, job.spool))
        self._costs: dict[int, float] = {}

    def claim(self) -> Claimed | None:
        """Claim a trial, waiting a moment for one if all that may start are under way."""
        deadline, pause = time.monotonic() + _PATIENCE_SECONDS, _PAUSES_SECONDS[0]
        while True:
            claimed = self.study.claims.next(
                self.job.spec.study.trials, self._cost if self.job.longest_first else None
            )
            if claimed or time.monotonic() >= deadline:
                return claimed
            time.sleep(pause)
            pause = min(2 * pause, _PAUSES_SECONDS[1])

    def _cost(self, number: int, trial_id: int) -> float:
        """How many multiplications a trial that may be proposed is going to take."""
        if number not in self._costs:
            settings = self.study.propose(number, trial_id).settings
            data = training_data(self.job.data_folder, settings.data)
            self._costs[number] = multiplications(settings, data)
        return self._costs[number]


_workplace: Workplace | None = None


def work(job: Job) -> bool:
    """Run the next trial of a study, from claim to record; False if there was none to run now."""
    place = _open(job)
    if (claimed := place.claim()) is None:
        return False
    try:
        with Heartbeat(place.study.claims, claimed) as heartbeat:
            _run(place, claimed, heartbeat)
    except ClaimLostError:
        pass  # the worker that took over enters the same result
    except MemoryError:
        place.study.claims.give_back(claimed, died=True)
    except BaseException:
        with suppress(StudyhallError, OSError):  # the storage may be what failed
            place.study.claims.give_back(claimed)
        raise
    return True


def abandon() -> None:
    """Let others have the trial that this process has, if any; it is about to end."""
    if _workplace is not None:
        _workplace.study.claims.release()


def _run(place: Workplace, claimed: Claimed, heartbeat: Heartbeat) -> None:
    """Propose a trial, train it, store its record, and then tell the study."""
    job, number, attempt = place.job, claimed.number, claimed.attempt
    proposed = place.study.propose(number, claimed.trial_id)
    data = training_data(job.data_folder, proposed.settings.data)
    iterations = proposed.settings.training.total_iterations(len(data.split.train))
    live = LivePoints(place.spool.live(number, attempt), iterations)

    def on_epoch(epoch: EpochRecord) -> str | None:
        heartbeat.require()
        live.show(epoch)
        return proposed.report(epoch)

    saver = _saver(job, number, proposed.settings)
    if claimed.deaths < job.attempts:
        seed, metric = TrialSeed(job.spec.study.seed, number), job.spec.study.metric
        record = run_trial(proposed.settings, data, seed, metric, on_epoch, saver)
    else:
        times = f"{claimed.deaths} times without getting further: was there enough memory?"
        record = give_up(number, proposed.settings, f"{DEADLY} {times}")
    stored = _store(place, claimed, proposed, record, live)
    if place.study.finish(stored):
        saver.discard()  # else another attempt has the trial, and the sender drops this record


def _saver(job: Job, number: int, settings: TrialSettings) -> TrainingSaver:
    seed, fingerprint = TrialSeed(job.spec.study.seed, number), job.tags[FINGERPRINT]
    identity = identify(settings, seed, job.spec.study.metric, fingerprint)
    return FileSaver(_state(job.spool, number), identity)


def _state(spool: Path, number: int) -> Path:
    """Where a trial's training is saved while it is under way."""
    return spool / f"trial-{number:04d}.state"


def _progress(spool: Path, number: int) -> int:
    """What there is of a trial under way: it grows when its training is saved."""
    try:
        return _state(spool, number).stat().st_mtime_ns
    except OSError:
        return 0


def _store(
    place: Workplace,
    claimed: Claimed,
    proposed: ProposedTrial,
    record: TrialRecord,
    live: LivePoints,
) -> StoredRecord:
    job = place.job
    data = training_data(job.data_folder, proposed.settings.data)
    shown = data.split.train[:SHOWN]
    return store(
        place.spool.path(claimed.number, claimed.attempt),
        record,
        attempt=claimed.attempt,
        parameters=proposed.parameters,
        reports=proposed.reports,
        notes=proposed.notes,
        points=(*live.points, *value_point(record)),
        tags={**job.tags, "studyhall.seed": str(job.spec.study.seed)},
        examples=data.dataset.train_examples[shown],
        labels=data.dataset.train_labels[shown],
    )


def _open(job: Job) -> Workplace:
    global _workplace  # one study a process: the next job takes the place of the last
    if _workplace is None or _workplace.job != job:
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
