"""Repairs MLflow where it differs from the study; the study itself is never changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from filelock import Timeout

from studyhall.search.common.errors import StudyhallError
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.run_diff import Finding, Kind, expected_tags
from studyhall.search.sync.run_upload import RunUpload
from studyhall.search.tracking.mlflow_errors import MlflowUnavailableError
from studyhall.search.tracking.tracked_run import RUN_STATUS
from studyhall.search.tracking.tracker import Tracker

_IN_OUTBOX: tuple[Kind, ...] = ("unsent", "damaged", "missing", "artifacts", "contents")

Retrain = Callable[[int], object]


@dataclass(frozen=True)
class Repairs:
    """A sentence, without its full stop, for each repair, and for each finding that is left."""

    done: tuple[str, ...]
    left: tuple[str, ...]


class _CannotRepairError(StudyhallError):
    """A finding cannot be repaired; the message says why."""


def repair(
    findings: Sequence[Finding],
    results: Sequence[TrialResult],
    tracker: Tracker,
    outbox: Outbox,
    retrain: Retrain | None = None,
) -> Repairs:
    """Repair what `run_diff.compare` found, and tag the study's run with each repair.

    Args:
        findings: What was found.
        results: Every trial of the study, as they were compared.
        tracker: The study in MLflow.
        outbox: The outbox of this machine; this process must not be uploading from it.
        retrain: Trains a finished trial again from the study's record of it and stores its record
            in the outbox, under the attempt that the study accepted; raises StudyhallError if the
            result differs. Without it, findings that need training are left.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    known = {result.number: result for result in results}
    repairer = _Repairer(tracker, outbox, known, retrain)
    done, left, order = list[str](), list[str](), list(_REPAIRS)
    try:
        for finding in sorted(findings, key=lambda finding: order.index(finding.kind)):
            try:
                done.append(repairer.repair(finding))
            except MlflowUnavailableError:
                raise
            except (StudyhallError, OSError) as error:
                left.append(f"{finding.problem}; {error}")
    finally:
        repairer.lock.release()
    if done:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        tracker.append_tag("studyhall.repairs", [f"{now} {sentence}" for sentence in done])
    return Repairs(tuple(done), tuple(left))


class _Repairer:
    def __init__(
        self,
        tracker: Tracker,
        outbox: Outbox,
        known: dict[int, TrialResult],
        retrain: Retrain | None,
    ) -> None:
        self._tracker, self._outbox = tracker, outbox
        self._known, self._retrain = known, retrain
        self.lock = outbox.upload_lock()

    def repair(self, finding: Finding) -> str:
        """Repair one finding; return a sentence on the repair."""
        if finding.kind in _IN_OUTBOX and not self.lock.is_locked:
            self._outbox.folder.mkdir(parents=True, exist_ok=True)
            try:
                self.lock.acquire()
            except Timeout:
                raise _CannotRepairError("a running launch uploads the records") from None
        return _REPAIRS[finding.kind](self, finding)

    def restore(self, finding: Finding) -> str:
        self._tracker.restore_run(_run_of(finding))
        return f"trial {finding.number}: restored run {finding.run_id}, which was deleted in MLflow"

    def correct(self, finding: Finding) -> str:
        result = self._result(finding)
        if result.finished:
            status = RUN_STATUS[result.state]
            self._tracker.correct(_run_of(finding), status, expected_tags(result))
        return f"corrected {finding.problem}"

    def send(self, finding: Finding) -> str:
        if not self._upload(finding).upload():
            return f"trial {finding.number}: dropped its record, which another machine has uploaded"
        return f"trial {finding.number}: uploaded its record"

    def remove(self, finding: Finding) -> str:
        self._outbox.remove(*self._key(finding))
        return f"trial {finding.number}: deleted its damaged record; MLflow has all of it"

    def train_again(self, finding: Finding) -> str:
        """Give the trial a new run, since the points of another training have other times."""
        self._require_trained(finding)
        self._outbox.forget_run(*self._key(finding))
        if not self._upload(finding).upload():
            return f"trial {finding.number}: another machine has uploaded its record meanwhile"
        return f"trial {finding.number}: trained it again and recorded its run, which was missing"

    def replace_files(self, finding: Finding) -> str:
        key, run_id = self._key(finding), _run_of(finding)
        self._outbox.note_run(*key, run_id, files_only=True)
        try:
            self._require_trained(finding)
        except BaseException:
            self._outbox.remove(*key)
            raise
        self._upload(finding).upload()
        return f"trial {finding.number}: trained it again and replaced the files of run {run_id}"

    def replace_run(self, finding: Finding) -> str:
        self.train_again(finding)
        self._tracker.delete_run(_run_of(finding))
        return f"trial {finding.number}: trained it again and replaced run {finding.run_id}"

    def delete(self, finding: Finding) -> str:
        self._tracker.delete_run(_run_of(finding))
        return f"deleted a run: {finding.problem}"

    def delete_stale(self, finding: Finding) -> str:
        """Delete a run, unless it has ended in the meantime."""
        run = self._tracker.find(_run_of(finding))
        if run and not run.is_running and not run.deleted:
            raise _CannotRepairError("it has ended since")
        deleted = self.delete(finding)
        if (now := self._tracker.find(_run_of(finding))) and not now.is_running:
            self._tracker.restore_run(now.run_id)
            raise _CannotRepairError("it ended during the repair, and was restored")
        return deleted

    def _require_trained(self, finding: Finding) -> None:
        if self._retrain is None:
            raise _CannotRepairError("only training the trial again can repair that")
        number, attempt = self._key(finding)
        self._retrain(number)
        if not self._outbox.path(number, attempt).exists():
            raise _CannotRepairError("training it again left no record")

    def _upload(self, finding: Finding) -> RunUpload:
        return RunUpload(self._tracker, self._outbox, *self._key(finding))

    def _key(self, finding: Finding) -> tuple[int, int]:
        result = self._result(finding)
        if result.attempt is None:
            raise _CannotRepairError("it was recorded before attempts were counted")
        return result.number, result.attempt

    def _result(self, finding: Finding) -> TrialResult:
        if finding.number is None:
            raise _CannotRepairError("it belongs to no trial")
        return self._known[finding.number]


# Existing runs and records are used before a trial is trained again; runs are deleted last.
_REPAIRS: dict[Kind, Callable[[_Repairer, Finding], str]] = {
    "deleted": _Repairer.restore,
    "wrong": _Repairer.correct,
    "unsent": _Repairer.send,
    "damaged": _Repairer.remove,
    "missing": _Repairer.train_again,
    "artifacts": _Repairer.replace_files,
    "contents": _Repairer.replace_run,
    "duplicate": _Repairer.delete,
    "orphaned": _Repairer.delete,
    "stale": _Repairer.delete_stale,
}


def _run_of(finding: Finding) -> str:
    if finding.run_id is None:
        raise _CannotRepairError("it has no run")
    return finding.run_id
