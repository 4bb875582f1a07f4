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

# Existing runs and records are used before a trial is trained again; runs are deleted last.
_ORDER: tuple[Kind, ...] = (
    *("deleted", "wrong", "unsent", "damaged", "missing", "artifacts", "contents"),
    *("duplicate", "orphaned", "stale"),
)
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
    done, left = list[str](), list[str]()
    try:
        for finding in sorted(findings, key=lambda finding: _ORDER.index(finding.kind)):
            try:
                done.append(repairer.repair(finding))
            except MlflowUnavailableError:
                raise
            except (StudyhallError, OSError) as error:
                left.append(f"{finding.problem}; {error}")
    finally:
        repairer.release()
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
        self._tracker = tracker
        self._outbox = outbox
        self._known = known
        self._retrain = retrain
        self._lock = outbox.upload_lock()

    def repair(self, finding: Finding) -> str:
        """Repair one finding; return a sentence on the repair."""
        if finding.kind in _IN_OUTBOX:
            self._hold()
        repairs: dict[Kind, Callable[[Finding], str]] = {
            "deleted": self._restore,
            "wrong": self._correct,
            "unsent": self._send,
            "damaged": self._remove,
            "missing": self._train_again,
            "artifacts": self._replace_files,
            "contents": self._replace_run,
            "duplicate": self._delete,
            "orphaned": self._delete,
            "stale": self._delete_stale,
        }
        return repairs[finding.kind](finding)

    def release(self) -> None:
        """Let other processes upload again."""
        self._lock.release()

    def _hold(self) -> None:
        try:
            if not self._lock.is_locked:
                self._outbox.folder.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()
        except Timeout:
            raise _CannotRepairError("a running launch uploads the records") from None

    def _restore(self, finding: Finding) -> str:
        self._tracker.restore_run(_run_of(finding))
        return f"{_trial(finding)}: restored run {finding.run_id}, which was deleted in MLflow"

    def _correct(self, finding: Finding) -> str:
        result = self._result(finding)
        if result.finished:
            status = RUN_STATUS[result.state]
            self._tracker.correct(_run_of(finding), status, expected_tags(result))
        return f"corrected {finding.problem}"

    def _send(self, finding: Finding) -> str:
        if not self._upload(finding).upload():
            return f"{_trial(finding)}: dropped its record, which another machine has uploaded"
        return f"{_trial(finding)}: uploaded its record"

    def _remove(self, finding: Finding) -> str:
        self._outbox.remove(*self._key(finding))
        return f"{_trial(finding)}: deleted its damaged record; MLflow has all of it"

    def _train_again(self, finding: Finding) -> str:
        """Give the trial a new run, since the points of another training have other times."""
        self._require_trained(finding)
        self._outbox.forget_run(*self._key(finding))
        if not self._upload(finding).upload():
            return f"{_trial(finding)}: another machine has uploaded its record meanwhile"
        return f"{_trial(finding)}: trained it again and recorded its run, which was missing"

    def _replace_files(self, finding: Finding) -> str:
        key, run_id = self._key(finding), _run_of(finding)
        self._outbox.note_run(*key, run_id, files_only=True)
        try:
            self._require_trained(finding)
        except BaseException:
            self._outbox.remove(*key)
            raise
        self._upload(finding).upload()
        return f"{_trial(finding)}: trained it again and replaced the files of run {run_id}"

    def _replace_run(self, finding: Finding) -> str:
        self._train_again(finding)
        self._tracker.delete_run(_run_of(finding))
        return f"{_trial(finding)}: trained it again and replaced run {finding.run_id}"

    def _delete(self, finding: Finding) -> str:
        self._tracker.delete_run(_run_of(finding))
        return f"deleted a run: {finding.problem}"

    def _delete_stale(self, finding: Finding) -> str:
        """Delete a run, unless it has ended in the meantime."""
        run = self._tracker.find(_run_of(finding))
        if run and not run.is_running and not run.deleted:
            raise _CannotRepairError("it has ended since")
        deleted = self._delete(finding)
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


def _trial(finding: Finding) -> str:
    return f"trial {finding.number}"


def _run_of(finding: Finding) -> str:
    if finding.run_id is None:
        raise _CannotRepairError("it has no run")
    return finding.run_id
