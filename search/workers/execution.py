"""What a worker does with one trial: claim, propose, train, store, enter in the study."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from traceback import extract_tb

from studyhall.model import EpochRecord
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.config.settings import TrialSettings
from studyhall.search.data.datasets import open_dataset
from studyhall.search.data.seal import sealed_test_split
from studyhall.search.study.claim import Claimed
from studyhall.search.study.job import Job
from studyhall.search.study.storage import reopen_storage
from studyhall.search.study.study import ProposedTrial, Study
from studyhall.search.sync.live_points import LivePoints
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.trial_records import store_record, trial_seed
from studyhall.search.tracking.study_runs import FINGERPRINT
from studyhall.search.training.building import (
    multiplications,
    training_data,
)
from studyhall.search.training.saved_training import TrainingSaver
from studyhall.search.training.trial import WORKER_DEATH_PREFIX, give_up, run_trial
from studyhall.search.training.trial_identity import identify
from studyhall.search.workers.heartbeat import ClaimLostError, Heartbeat

_TROUBLE_LENGTH = 300
_PAUSES_SECONDS = (0.02, 0.25)  # between two looks, the first and the longest


class Workplace:
    """What a process opens once for a study and keeps for all its trials."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outbox = Outbox(job.outbox)
        self.study = Study(reopen_storage(job.storage), job.spec, partial(_progress, job.outbox))
        self.study_id = self.study.study_id
        self.heartbeat: Heartbeat | None = None  # of the trial that it is at, or was last
        # Proposed for their costs, with these, and not begun here.
        self._proposed: dict[int, tuple[ProposedTrial, float]] = {}

    def claim(self, wanted: Callable[[], bool] = lambda: True) -> Claimed | None:
        """Claim a trial, waiting a moment for one if all that may start are under way."""
        deadline, pause = time.monotonic() + INTERVALS.claim, _PAUSES_SECONDS[0]
        while wanted():
            claimed = self.study.claims.next(self.job.spec.study.trials, self.job.last, self._cost)
            if claimed or time.monotonic() >= deadline:
                return claimed
            time.sleep(pause)
            pause = min(2 * pause, _PAUSES_SECONDS[1])
        return None

    def propose(self, claimed: Claimed) -> ProposedTrial:
        """Propose a trial that was claimed, unless that was done for its cost."""
        proposed, _ = self._proposed.pop(claimed.number, (None, 0.0))
        return proposed or self.study.propose(claimed.number, claimed.trial_id)

    def _cost(self, number: int, trial_id: int) -> float:
        """How many multiplications a trial that may be proposed is going to take.

        The points that the study file names are to come first.
        """
        if number < len(self.job.spec.enqueue):
            return float("inf")
        if number not in self._proposed:
            proposed = self.study.propose(number, trial_id)
            dataset = open_dataset(proposed.settings.data, self.job.data_folder)
            self._proposed[number] = proposed, multiplications(proposed.settings, dataset)
        return self._proposed[number][1]


_workplace: Workplace | None = None


def work(job: Job, wanted: Callable[[], bool] = lambda: True) -> str | None:
    """Run the next trial of a study, if there is one to run now, from claim to record.

    Args:
        job: The study's trials.
        wanted: Asked before a trial is begun.

    Returns:
        What the trial died of, if it did: it is run again, up to the number of attempts.

    Raises:
        StudyhallError, OSError: the storage or the disk failed, which no other attempt would mend.
    """
    with sealed_test_split(job.sealed):
        return _work(_open(job), wanted)


def _work(place: Workplace, wanted: Callable[[], bool]) -> str | None:
    if (claimed := place.claim(wanted)) is None:
        return None
    if not wanted():  # who said so while this was claimed has not seen it
        place.study.claims.give_back(claimed)
        return None
    try:
        with Heartbeat(place.study.claims, claimed) as heartbeat:
            place.heartbeat = heartbeat
            _run(place, claimed, heartbeat)
    except ClaimLostError:
        pass  # the worker that took over enters the same result
    except BaseException as error:
        trouble = _trouble(error)
        with suppress(StudyhallError, OSError):  # the storage may be what failed
            place.study.claims.give_back(claimed, trouble)
        if trouble is None:
            raise
        return f"trial {claimed.number}: {trouble}"
    return None


def _trouble(error: BaseException) -> str | None:
    """What a trial died of, and where, in a line: nobody in a worker reads a traceback.

    None if it is not the trial's own: the storage or the disk failed, or the process is to end.
    """
    if not isinstance(error, Exception) or isinstance(error, StudyhallError | OSError):
        return None
    if isinstance(error, MemoryError):
        return "the memory ran out"
    place = extract_tb(error.__traceback__)[-1]
    said = f": {error}" if str(error) else ""
    words = f"{type(error).__name__}{said} ({Path(place.filename).name}, line {place.lineno})"
    return " ".join(words.split())[:_TROUBLE_LENGTH]


def abandon(study_id: str | None = None) -> None:
    """Let others have the trial that this process has, if any, or has of one study."""
    if _workplace is not None and study_id in (None, _workplace.study_id):
        _workplace.study.claims.release()


def drop(study_id: str) -> None:
    """Have this process's trial of a study, if any, end with its epoch; no storage is asked."""
    if _workplace is not None and _workplace.study_id == study_id and _workplace.heartbeat:
        _workplace.heartbeat.lost = True


def _run(place: Workplace, claimed: Claimed, heartbeat: Heartbeat) -> None:
    """Propose a trial, train it, store its record, and then tell the study."""
    job, number, attempt = place.job, claimed.number, claimed.attempt
    proposed = place.propose(claimed)
    data = training_data(job.data_folder, proposed.settings.data)
    iterations = proposed.settings.training.total_iterations(len(data.split.train))
    live = LivePoints(place.outbox.live(number, attempt), iterations)

    def on_epoch(epoch: EpochRecord) -> str | None:
        heartbeat.require()
        live.show(epoch)
        return proposed.report(epoch)

    saver = _saver(job, number, proposed.settings)
    if claimed.deaths < job.attempts:
        seed, metric = trial_seed(job, number), job.spec.study.metric
        record = run_trial(proposed.settings, data, seed, metric, on_epoch, saver)
    else:
        times = f"{claimed.deaths} times without getting further"
        trouble = claimed.trouble or "was there enough memory?"
        record = give_up(number, proposed.settings, f"{WORKER_DEATH_PREFIX} {times}: {trouble}")
    stored = store_record(
        job,
        record,
        attempt,
        parameters=proposed.parameters,
        reports=proposed.reports,
        notes=proposed.notes,
        points=tuple(live.points),
    )
    if place.study.finish(stored):
        saver.discard()  # else another attempt has the trial, and the sender drops this record


def _saver(job: Job, number: int, settings: TrialSettings) -> TrainingSaver:
    seed, fingerprint = trial_seed(job, number), job.tags[FINGERPRINT]
    identity = identify(settings, seed, job.spec.study.metric, fingerprint)
    return TrainingSaver(_state(job.outbox, number), identity)


def _state(outbox: Path, number: int) -> Path:
    """Where a trial's training is saved while it is under way."""
    return outbox / f"trial-{number:04d}.state"


def _progress(outbox: Path, number: int) -> int:
    """What there is of a trial under way: it grows when its training is saved."""
    try:
        return _state(outbox, number).stat().st_mtime_ns
    except OSError:
        return 0


def _open(job: Job) -> Workplace:
    global _workplace  # one study a process: the next job takes the place of the last
    if _workplace is None or _workplace.job != job:
        _workplace = Workplace(job)
    return _workplace
