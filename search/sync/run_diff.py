"""The runs in MLflow compared with the study's trials: missing, superfluous and different ones."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.manifest import MANIFEST, damage, listed
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.mlflow_model import MODEL_FOLDER, WEIGHTS_IN_MODEL
from studyhall.search.tracking.study_runs import WEIGHTS_REMOVED
from studyhall.search.tracking.tracked_run import RUN_STATUS, TrackedRun, precedence
from studyhall.search.tracking.tracker import ARTIFACTS_TAG, Tracker

Kind = Literal[
    "missing",  # the trial has ended, and there is neither a run nor a waiting record of it
    "duplicate",  # a second run of what is there once already
    "orphaned",  # a run of a trial or attempt that the study does not have
    "stale",  # a run that has not ended, and no one is at it
    "deleted",  # the trial's run was deleted in MLflow
    "wrong",  # the run's state, reason or digest is not the trial's
    "contents",  # its parameters or value are not the trial's
    "artifacts",  # its files are not those that it was given
    "unsent",  # the trial's record waits
    "damaged",  # a record of what MLflow has waits, and is not as it was stored
]


@dataclass(frozen=True)
class Finding:
    """One way in which MLflow and the study differ; `problem` is a sentence without its stop."""

    kind: Kind
    number: int | None
    run_id: str | None
    problem: str


def compare(
    standings: Sequence[TrialResult], tracker: Tracker, outbox: Outbox, *, deep: bool = False
) -> list[Finding]:
    """Compare what the study says of its trials with their runs in MLflow.

    Where another launch sends the records of this study from another outbox, what it has not sent
    yet looks as if it were missing, and a run that it has just begun to end as if it were stale.

    Args:
        standings: Every trial of the study.
        tracker: The study in MLflow; asked once for all runs.
        outbox: Where records wait to be sent.
        deep: Fetch the files of every run, and compare them with their checksums.

    Returns:
        What differs, in the order of the trials; nothing if MLflow is as it should be.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    comparison = _Comparison(tracker, outbox, deep)
    runs, known = tracker.trial_runs(), {standing.number for standing in standings}
    strangers = [run for run in runs if run.number not in known and not run.deleted]
    found = [_orphaned(run) for run in strangers]
    for standing in sorted(standings, key=lambda standing: standing.number):
        own = [run for run in runs if run.number == standing.number]
        found += comparison.of_trial(standing, own)
    return found


def faults(run: TrackedRun, standing: TrialResult) -> list[str]:
    """What of a run's state is not as the study has it, in words."""
    return [
        f"{name} is {actual or 'missing'} and must be {expected or 'missing'}"
        for name, actual, expected in _compared(run, standing)
        if actual != expected
    ]


def expected_tags(standing: TrialResult) -> dict[str, str | None]:
    """The tags that a finished trial's run must have; None, one that it must not have."""
    digest = standing.weights_sha256
    weights = {"studyhall.weights_sha256": digest} if digest else {}
    return {"studyhall.state": standing.state, "studyhall.reason": standing.reason, **weights}


class _Comparison:
    def __init__(self, tracker: Tracker, outbox: Outbox, deep: bool) -> None:
        self._tracker = tracker
        self._outbox = outbox
        self._deep = deep
        self._damage = {
            (waiting.number, waiting.attempt): damage(outbox.path(waiting.number, waiting.attempt))
            for waiting in outbox.records()
        }

    def of_trial(self, standing: TrialResult, runs: Sequence[TrackedRun]) -> Iterator[Finding]:
        """Compare one trial with the runs that say they are of it."""
        attempt = standing.attempt if standing.finished else standing.live_attempt
        own = [run for run in runs if run.attempt == attempt]
        for run in runs:
            if run.attempt != attempt and not run.deleted:
                yield _stale(run) if run.is_running else _orphaned(run)
        if not standing.finished:
            yield from self._of_unfinished(standing, own)
        elif self._damage.get((standing.number, attempt or 0), "no record waits") is None:
            yield from self._of_waiting(standing, own)
        else:
            yield from self._of_finished(standing, own)

    def _of_unfinished(self, standing: TrialResult, own: Sequence[TrackedRun]) -> Iterator[Finding]:
        for run in own:
            if run.deleted or (run.is_running and standing.live_attempt is not None):
                continue
            yield _stale(run) if run.is_running else _orphaned(run)

    def _of_waiting(self, standing: TrialResult, own: Sequence[TrackedRun]) -> Iterator[Finding]:
        """The record goes to the run that the outbox has noted, or to a new one.

        A run that says the same is another machine's; `delivery` sees that one is kept.
        """
        number = standing.number
        entry = self._outbox.entry(number, standing.attempt or 0)
        noted = entry.run_id
        yield Finding("unsent", number, noted, f"trial {number}: its record waits to be sent")
        for run in own:
            if run.deleted or run.run_id == noted or (run.is_running and entry.may_have_strays):
                continue
            if run.is_running:
                yield _stale(run)
            elif faults(run, standing) or _contents_problem(run, standing):
                yield _duplicate(run)

    def _of_finished(self, standing: TrialResult, own: Sequence[TrackedRun]) -> Iterator[Finding]:
        active = [run for run in own if not run.deleted]
        whole = [run for run in active if not run.is_running or self._is_whole(run, standing)]
        kept = _best(whole, standing)
        if kept is None:
            kept = _best([r for r in own if r.deleted and not r.is_running], standing)
        for run in active:
            if run != kept:
                yield _stale(run) if run.is_running else _duplicate(run)
        problem = self._damage.get((standing.number, standing.attempt or 0))
        if kept is None:
            state = f"trial {standing.number}: is {standing.state} in the study, but MLflow has no"
            waits = f", and its record is damaged ({problem})" if problem else ""
            yield Finding("missing", standing.number, None, f"{state} run of it{waits}")
            return
        if problem:
            named = f"trial {standing.number}: MLflow has it, and its record is damaged"
            yield Finding("damaged", standing.number, kept.run_id, f"{named} ({problem})")
        yield from self._of_kept(standing, kept)

    def _of_kept(self, standing: TrialResult, run: TrackedRun) -> Iterator[Finding]:
        number, run_id = standing.number, run.run_id
        named = f"trial {number}: run {run_id}"
        if run.deleted:
            yield Finding("deleted", number, run_id, f"{named} was deleted in MLflow")
        if found := faults(run, standing):
            yield Finding("wrong", number, run_id, f"{named}: {', '.join(found)}")
        if problem := _contents_problem(run, standing):
            yield Finding("contents", number, run_id, f"{named}: {problem}")
        elif self._deep and (problem := files_problem(self._tracker, run, standing)):
            yield Finding("artifacts", number, run_id, f"{named}: {problem}")

    def _is_whole(self, run: TrackedRun, standing: TrialResult) -> bool:
        """Whether a run that says it has not ended has everything all the same."""
        told = run.tags.get("studyhall.state") is not None
        return told and files_problem(self._tracker, run, standing) is None


def _best(runs: Sequence[TrackedRun], standing: TrialResult) -> TrackedRun | None:
    """The run that is most like the trial, of equals the one that takes precedence."""

    def rank(run: TrackedRun) -> tuple[bool, int, tuple[bool, int, str]]:
        differs = _contents_problem(run, standing) is not None
        return differs, len(faults(run, standing)), precedence(run)

    return min(runs, key=rank, default=None)


def _compared(
    run: TrackedRun, standing: TrialResult
) -> Iterator[tuple[str, str | None, str | None]]:
    """The name, actual and expected text of what says how a trial ended."""
    yield "status", run.status, RUN_STATUS.get(standing.state)
    for name, expected in expected_tags(standing).items():
        yield name, run.tags.get(name), expected


def _contents_problem(run: TrackedRun, standing: TrialResult) -> str | None:
    expected = {name: str(value) for name, value in (standing.parameters or {}).items()}
    for name, value in expected.items():
        if run.parameters.get(name) != value:
            return f"{name} is {run.parameters.get(name, 'missing')} and must be {value}"
    if run.value != standing.value:
        return f"value is {run.value} and must be {standing.value}"
    return None


def _duplicate(run: TrackedRun) -> Finding:
    problem = f"trial {run.number}: run {run.run_id} is a second one of it"
    return Finding("duplicate", run.number, run.run_id, problem)


def _orphaned(run: TrackedRun) -> Finding:
    of = f"attempt {run.attempt} at trial {run.number}, which"
    problem = f"trial {run.number}: run {run.run_id} is of {of} the study does not have"
    return Finding("orphaned", run.number, run.run_id, problem)


def _stale(run: TrackedRun) -> Finding:
    problem = f"trial {run.number}: run {run.run_id} is RUNNING, but no worker is at it"
    return Finding("stale", run.number, run.run_id, problem)


_WEIGHTS = f"{MODEL_FOLDER}/{WEIGHTS_IN_MODEL}"


def files_problem(tracker: Tracker, run: TrackedRun, standing: TrialResult) -> str | None:
    """Say what is wrong with a run's files; None if all are as they were sent.

    The run's tag holds the checksum of the list of checksums, and the study that of the weights.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    if standing.attempt is None:
        return None  # from before there were checksums
    with tempfile.TemporaryDirectory() as temporary:
        try:
            folder = tracker.download(run.run_id, Path(temporary))
        except StudyhallError:
            if not tracker.answers():
                raise
            return "its artifacts cannot be fetched"
        removed = {_WEIGHTS} if WEIGHTS_REMOVED in run.tags else ()
        problem = damage(folder, removed) or _sums_problem(folder, run, standing)
        return problem and problem.replace(f"{folder}/", "artifact ", 1)


def _sums_problem(folder: Path, run: TrackedRun, standing: TrialResult) -> str | None:
    sums = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    if sums != run.tags.get(ARTIFACTS_TAG):
        return f"{folder / MANIFEST}: must be the list that the run's tag {ARTIFACTS_TAG} names"
    weights = listed(folder).get(_WEIGHTS)
    if weights != standing.weights_sha256:
        return f"{folder / _WEIGHTS}: must be the weights that the study has recorded"
    return None
