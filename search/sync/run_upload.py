"""What waits of one attempt at a trial, brought to MLflow step by step: its run, points, record.

Before each step the outbox knows what the step may leave behind in MLflow, so that whoever goes on
after a crash at any moment ends with one run.
"""

from __future__ import annotations

from collections.abc import Callable

from studyhall.search.sync.live_points import LiveReader
from studyhall.search.sync.outbox import Outbox, RunNote
from studyhall.search.tracking.mlflow_errors import MlflowRefusedError
from studyhall.search.tracking.tracked_run import TrackedRun
from studyhall.search.tracking.tracker import Tracker, says
from studyhall.search.training.record import RESTORED, DamagedRecordError, Point, StoredRecord, read


class RunUpload:
    """Delivers one attempt at a trial; whoever makes one is the only sender of the outbox.

    Args:
        tracker: The study in MLflow.
        outbox: Where the attempt's record and points wait.
        number: The trial.
        attempt: The attempt at it.
    """

    def __init__(self, tracker: Tracker, outbox: Outbox, number: int, attempt: int) -> None:
        self._tracker = tracker
        self._spool = outbox
        self._key = number, attempt
        self._reader = LiveReader(outbox.live(number, attempt))
        self._unsent: list[Point] = []
        self._run_id: str | None = None

    def show(self) -> None:
        """Send the points that the trial has added since the last time."""
        self._unsent += self._reader.new_points()
        started = self._reader.started
        if not self._unsent or started is None:
            return
        self._insist(lambda: self._tracker.log_points(self._open(started), self._unsent))
        self._unsent = []

    def send(self, *, look: bool = True) -> bool:
        """Send the record, and delete all that waits of the attempt; leave one run of it.

        A record that has waited may have been made again by another machine, as one that was lost.
        Whoever sends one looks before for a run of it, and drops what he has, and looks once more
        when his own has ended: of two, one sees both, and both keep the same.

        Args:
            look: Whether to do so; not for a record that its sender has seen arrive just now.

        Returns:
            Whether it was sent: not if another machine has done that.

        Raises:
            DamagedRecordError: the record is not as it was written; nothing of it was sent.
            OSError: the disk does not take what sending needs.
            MlflowError: MLflow does not take the record, or not now.
        """
        try:
            record = read(self._spool.path(*self._key))
        except DamagedRecordError:
            if not self._others():
                raise
            self.withdraw()
            return False
        restored = RESTORED in record.tags
        look = look or restored
        if look and any(says(run, record) for run in self._others()):
            self._keep_one(record)
            self.withdraw(restored=restored)
            return False
        self._insist(lambda: self._send(record))
        if look:
            self._keep_one(record)
        self._spool.remove(*self._key)
        return True

    def withdraw(self, *, restored: bool = False) -> None:
        """Delete what the attempt has in MLflow and in the outbox: another has taken over."""
        note = self._spool.run_note(*self._key)
        if note and (note.run_id is None or note.doubtful):
            for stray in self._tracker.find_open(*self._key, restored=restored):
                self._tracker.delete_run(stray)
        if note and note.run_id:
            self._tracker.delete_run(note.run_id)
        self._spool.remove(*self._key)

    def _others(self) -> list[TrackedRun]:
        """The ended runs of the attempt that are not this one's; none if this one's has ended."""
        note = self._spool.run_note(*self._key)
        ended = self._tracker.ended_runs(*self._key)
        own = note and note.run_id and any(run.run_id == note.run_id for run in ended)
        return [] if own else ended

    def _keep_one(self, record: StoredRecord) -> None:
        """Delete all runs that say what the record says, but one."""
        alike = [run for run in self._tracker.ended_runs(*self._key) if says(run, record)]
        for double in alike[1:]:
            self._tracker.delete_run(double.run_id)

    def _send(self, record: StoredRecord) -> None:
        restored = RESTORED in record.tags
        run_id = self._open(record.started, restored=restored)
        note = self._spool.run_note(*self._key)
        if note and note.doubtful:
            self._delete_strays(run_id, restored)
        if note and note.files_only:
            self._tracker.log_files(run_id, self._spool.path(*self._key))
            return
        sent = self._reader.taken - len(self._unsent)
        self._tracker.log_record(run_id, self._spool.path(*self._key), record, sent)

    def _open(self, started: int, *, restored: bool = False) -> str:
        """The attempt's run, which is created if there is none; only once, whatever happens.

        That a run is about to be created is noted before it is. Only where that note was left
        without the run's id is MLflow searched: the number of requests that a trial needs does not
        depend on how many there are.
        """
        if self._run_id is None:
            note = self._spool.run_note(*self._key)
            run_id = note.run_id if note else None
            run_id = run_id or self._create(started, restored, in_doubt=note is not None)
            self._tracker.log_data(run_id)
            self._run_id = run_id
        return self._run_id

    def _create(self, started: int, restored: bool, *, in_doubt: bool) -> str:
        found = self._tracker.find_open(*self._key, restored=restored) if in_doubt else []
        if not in_doubt:
            self._spool.note_run(*self._key, RunNote(run_id=None))
        run_id = (
            found[0] if found else self._tracker.create_run(*self._key, started, restored=restored)
        )
        self._spool.note_run(*self._key, RunNote(run_id=run_id, doubtful=in_doubt))
        return run_id

    def _delete_strays(self, run_id: str, restored: bool) -> None:
        """Delete what a creation that got no answer left, even if it was carried out later."""
        for stray in self._tracker.find_open(*self._key, restored=restored):
            if stray != run_id:
                self._tracker.delete_run(stray)

    def _insist(self, step: Callable[[], None]) -> None:
        """Do a step; where it fails because its run was deleted in MLflow, get the run back."""
        try:
            step()
        except MlflowRefusedError:
            note = self._spool.run_note(*self._key)
            if note is None or note.run_id is None:
                raise
            run = self._tracker.find(note.run_id)
            if run is None:
                self._forget_run()
            elif run.deleted:
                self._tracker.restore_run(note.run_id)
            else:
                raise
            step()

    def _forget_run(self) -> None:
        self._spool.forget_run(*self._key)
        self._reader, self._unsent = LiveReader(self._spool.live(*self._key)), []
        self._run_id = None
