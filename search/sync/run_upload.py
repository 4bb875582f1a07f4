"""One attempt at a trial uploaded to its run in MLflow: the run, the points, the record.

Before each step the outbox notes what the step may leave behind in MLflow, so that a process which
continues after a crash at any moment ends with one run.
"""

from __future__ import annotations

from collections.abc import Callable

from studyhall.search.sync.live_points import LiveReader
from studyhall.search.sync.outbox import Outbox, OutboxEntry
from studyhall.search.tracking.mlflow_errors import MlflowRefusedError
from studyhall.search.tracking.tracked_run import TrackedRun, matches
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import RESTORED, DamagedRecordError, Point, StoredRecord, read


class RunUpload:
    """Uploads one attempt at a trial; only the process that holds the outbox's lock may use one."""

    def __init__(self, tracker: Tracker, outbox: Outbox, number: int, attempt: int) -> None:
        self._tracker, self._outbox, self._key = tracker, outbox, (number, attempt)
        self._reader = LiveReader(outbox.live(number, attempt))
        self._unsent: list[Point] = []
        self._run_id: str | None = None

    def upload_points(self) -> None:
        """Upload the points that the running trial has added since the last call."""
        self._unsent += self._reader.new_points()
        started = self._reader.started
        if not self._unsent or started is None:
            return
        self._with_run(lambda: self._tracker.log_points(self._open(started), self._unsent))
        self._unsent = []

    def upload(self, *, check_others: bool = True) -> bool:
        """Upload the record, and delete all files of the attempt; leave one run of it.

        Another machine may have taken a record that waited here for lost, and restored it. So each
        of the two looks for a run of the other before it uploads, and drops its own record if there
        is one; and looks again when its own run has ended: of two processes, one sees both runs,
        and both would keep the same one.

        Args:
            check_others: Whether to look; not needed for a record that the uploader has just seen
                arrive.

        Returns:
            Whether it was uploaded; False if another machine had done that.

        Raises:
            DamagedRecordError: the record is not as it was written; nothing of it was uploaded.
            OSError: the disk does not take what uploading needs.
            MlflowError: MLflow does not take the record, or not now.
        """
        try:
            record = read(self._outbox.path(*self._key))
        except DamagedRecordError:
            if not self._other_runs():
                raise
            self.withdraw()
            return False
        restored = RESTORED in record.tags
        check_others = check_others or restored
        if check_others and any(matches(run, record) for run in self._other_runs()):
            self._keep_one(record)
            self.withdraw(restored=restored)
            return False
        self._with_run(lambda: self._upload_record(record))
        if check_others:
            self._keep_one(record)
        self._outbox.remove(*self._key)
        return True

    def withdraw(self, *, restored: bool = False) -> None:
        """Delete the attempt's runs and files: another attempt or machine has replaced it."""
        entry = self._entry()
        if entry.may_have_strays:
            for stray in self._tracker.find_open(*self._key, restored=restored):
                self._tracker.delete_run(stray)
        if entry.run_id:
            self._tracker.delete_run(entry.run_id)
        self._outbox.remove(*self._key)

    def _entry(self) -> OutboxEntry:
        return self._outbox.entry(*self._key)

    def _other_runs(self) -> list[TrackedRun]:
        """The ended runs of the attempt that are not this one's; none if this one's has ended."""
        own, ended = self._entry().run_id, self._tracker.ended_runs(*self._key)
        return [] if any(run.run_id == own for run in ended) else ended

    def _keep_one(self, record: StoredRecord) -> None:
        """Delete all but one of the runs that have the record's result."""
        alike = [run for run in self._tracker.ended_runs(*self._key) if matches(run, record)]
        for double in alike[1:]:
            self._tracker.delete_run(double.run_id)

    def _upload_record(self, record: StoredRecord) -> None:
        restored = RESTORED in record.tags
        run_id = self._open(record.started, restored=restored)
        entry, folder = self._entry(), self._outbox.path(*self._key)
        if entry.doubtful:  # a creation that got no answer may have been carried out later
            for stray in self._tracker.find_open(*self._key, restored=restored):
                if stray != run_id:
                    self._tracker.delete_run(stray)
        if entry.files_only:
            self._tracker.log_files(run_id, folder)
            return
        points_sent = self._reader.taken - len(self._unsent)
        self._tracker.log_record(run_id, folder, record, points_sent)

    def _open(self, started: int, *, restored: bool = False) -> str:
        """Return the attempt's run, which is created once, whatever happens.

        A run is noted before it is created. MLflow is searched only if a note was left without the
        run's id: the number of requests that a trial needs does not depend on how many there are.
        """
        if self._run_id is None:
            entry = self._entry()
            run_id = entry.run_id or self._create(started, restored, in_doubt=entry.run_noted)
            self._tracker.log_data(run_id)
            self._run_id = run_id
        return self._run_id

    def _create(self, started: int, restored: bool, *, in_doubt: bool) -> str:
        found = self._tracker.find_open(*self._key, restored=restored) if in_doubt else []
        if not in_doubt:
            self._outbox.note_run(*self._key, None)
        run_id = (
            found[0] if found else self._tracker.create_run(*self._key, started, restored=restored)
        )
        self._outbox.note_run(*self._key, run_id, doubtful=in_doubt)
        return run_id

    def _with_run(self, step: Callable[[], None]) -> None:
        """Do a step; if it fails because its run was deleted in MLflow, get the run back first."""
        try:
            step()
        except MlflowRefusedError:
            run_id = self._entry().run_id
            if run_id is None:
                raise
            run = self._tracker.find(run_id)
            if run is None:
                self._outbox.forget_run(*self._key)
                self._reader, self._unsent = LiveReader(self._outbox.live(*self._key)), []
                self._run_id = None
            elif run.deleted:
                self._tracker.restore_run(run_id)
            else:
                raise
            step()
