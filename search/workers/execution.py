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
from studyhall.search.study.claim import Claim
from studyhall.search.study.job import Job
from studyhall.search.study.storage import reopen_storage
from studyhall.search.study.study import ProposedTrial, Study
from studyhall.search.sync.live_points import LivePoints
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.trial_records import store_record, trial_seed
from studyhall.search.tracking.study_runs import FINGERPRINT
from studyhall.search.training.building import multiplications, training_data
from studyhall.search.training.saved_training import TrainingSaver, identify
from studyhall.search.training.trial import WORKER_DEATH_PREFIX, give_up, run_trial
from studyhall.search.workers.heartbeat import ClaimLostError, Heartbeat

_TROUBLE_LENGTH = 300
_PAUSES_SECONDS = (0.02, 0.25)  # between two attempts to claim: the first and the longest


class Workplace:
    """What a process opens once for the trials of a job, and keeps for all of them.

    Args:
        job: The trials. Their study must be recorded.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outbox = Outbox(job.outbox)
        self.study = Study(
            reopen_storage(job.storage), job.spec, partial(_saved_progress, job.outbox)
        )
        self._heartbeat: Heartbeat | None = None  # of the trial that runs, or of the last one
        # Trials that were proposed here to learn their costs, with these, and not begun here.
        self._proposed: dict[int, tuple[ProposedTrial, float]] = {}

    def run_next(self, wanted: Callable[[], bool] = lambda: True) -> str | None:
        """Run the next trial of the study, if there is one to run now, from claim to record.

        Args:
            wanted: Asked before a trial begins whether it is still wanted.

        Returns:
            The error that ended the trial, if one did: the trial is tried again, up to the number
            of attempts.

        Raises:
            StudyhallError, OSError: the storage or the disk failed; another attempt would not help.
        """
        with sealed_test_split(self.job.sealed):
            if (claimed := self.claim(wanted)) is None:
                return None
            if not wanted():  # A stop arrived while we claimed; its sender has not seen this claim.
                self.study.claims.give_back(claimed)
                return None
            return self._run_claimed(claimed)

    def claim(self, wanted: Callable[[], bool] = lambda: True) -> Claim | None:
        """Claim a trial; wait a moment for one if all that can start now are running."""
        deadline, pause = time.monotonic() + INTERVALS.claim, _PAUSES_SECONDS[0]
        while wanted():
            claimed = self.study.claims.next(self.job.spec.study.trials, self.job.last, self._cost)
            if claimed or time.monotonic() >= deadline:
                return claimed
            time.sleep(pause)
            pause = min(2 * pause, _PAUSES_SECONDS[1])
        return None

    def propose(self, claimed: Claim) -> ProposedTrial:
        """Propose a claimed trial, unless it was proposed already to learn its cost."""
        proposed, _ = self._proposed.pop(claimed.number, (None, 0.0))
        return proposed or self.study.propose(claimed.number, claimed.trial_id)

    def stop_trial(self) -> None:
        """Have the running trial end with its epoch, without a result; no storage is asked."""
        if self._heartbeat:
            self._heartbeat.lost = True

    def release(self) -> None:
        """Let other workers have the trial that this process has claimed, if any."""
        self.study.claims.release()

    def _cost(self, number: int, trial_id: int) -> float:
        """How many multiplications a trial takes; infinite for the points of the study file.

        These are to come first.
        """
        if number < len(self.job.spec.enqueue):
            return float("inf")
        if number not in self._proposed:
            proposed = self.study.propose(number, trial_id)
            dataset = open_dataset(proposed.settings.data, self.job.data_folder)
            self._proposed[number] = proposed, multiplications(proposed.settings, dataset)
        return self._proposed[number][1]

    def _run_claimed(self, claimed: Claim) -> str | None:
        """Run a claimed trial; give it back, with the error, if one ends it."""
        try:
            with Heartbeat(self.study.claims, claimed) as heartbeat:
                self._heartbeat = heartbeat
                self._train(claimed, heartbeat)
        except ClaimLostError:
            pass  # the worker that took over enters the same result
        except BaseException as error:
            trouble = _trouble(error)
            with suppress(StudyhallError, OSError):  # the storage may be what failed
                self.study.claims.give_back(claimed, trouble)
            if trouble is None:
                raise
            return f"trial {claimed.number}: {trouble}"
        return None

    def _train(self, claimed: Claim, heartbeat: Heartbeat) -> None:
        """Propose a trial, train it, store its record, and then enter it in the study."""
        job, number = self.job, claimed.number
        proposed = self.propose(claimed)
        data = training_data(job.data_folder, proposed.settings.data)
        iterations = proposed.settings.training.total_iterations(len(data.split.train))
        live = LivePoints(self.outbox.live(number, claimed.attempt), iterations)

        def on_epoch(epoch: EpochRecord) -> str | None:
            heartbeat.require()
            live.show(epoch)
            return proposed.report(epoch)

        saver = self._saver(number, proposed.settings)
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
            claimed.attempt,
            parameters=proposed.parameters,
            reports=proposed.reports,
            notes=proposed.notes,
            points=tuple(live.points),
        )
        if self.study.finish(stored):
            saver.discard()  # else another attempt has the trial, and this record is not uploaded

    def _saver(self, number: int, settings: TrialSettings) -> TrainingSaver:
        metric, fingerprint = self.job.spec.study.metric, self.job.tags[FINGERPRINT]
        identity = identify(settings, trial_seed(self.job, number), metric, fingerprint)
        return TrainingSaver(_saved_training(self.job.outbox, number), identity)


def _trouble(error: BaseException) -> str | None:
    """Describe the error that ended a trial, and its place, in a line: workers show no traceback.

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


def _saved_training(outbox: Path, number: int) -> Path:
    """Where a trial's training is saved while it runs."""
    return outbox / f"trial-{number:04d}.state"


def _saved_progress(outbox: Path, number: int) -> int:
    """A number that grows whenever a trial's training is saved here; 0 if it never was."""
    try:
        return _saved_training(outbox, number).stat().st_mtime_ns
    except OSError:
        return 0
