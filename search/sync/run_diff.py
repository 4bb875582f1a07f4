"""The runs in MLflow compared with the study's trials: missing, superfluous and different ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.manifest import MANIFEST, damage, listed
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.mlflow_model import WEIGHTS_FILE
from studyhall.search.tracking.study_runs import WEIGHTS_REMOVED
from studyhall.search.tracking.tracked_run import RUN_STATUS, TrackedRun, precedence
from studyhall.search.tracking.tracker import ARTIFACTS_TAG, Tracker

Kind = Literal[
    "missing",  # the trial has ended, but has neither a run nor a record in the outbox
    "duplicate",  # a second run of a trial
    "orphaned",  # a run of a trial or attempt that the study does not have
    "stale",  # a run that has not ended, although no worker trains it
    "deleted",  # the trial's run was deleted in MLflow
    "wrong",  # the run's state, reason or digest differs from the trial's
    "contents",  # its parameters or value differ from the trial's
    "artifacts",  # its files differ from those that were uploaded
    "unsent",  # the trial's record is in the outbox, not uploaded yet
    "damaged",  # the outbox has a damaged record of a trial that MLflow has
]


@dataclass(frozen=True)
class Finding:
    """A difference of MLflow from the study; `problem` is a sentence without its full stop."""

    kind: Kind
    number: int | None
    run_id: str | None
    problem: str


def compare(
    results: Sequence[TrialResult], tracker: Tracker, outbox: Outbox, *, deep: bool = False
) -> list[Finding]:
    """Compare the study's results with the runs of its trials in MLflow.

    If another launch uploads records of this study from another outbox, its pending records look
    missing here, and a run that it is just ending looks stale.

    Args:
        results: Every trial of the study.
        tracker: The study in MLflow; asked once for all runs.
        outbox: The outbox of this machine.
        deep: Whether to fetch the files of every run, and compare them with their checksums.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    comparison = _Comparison(tracker, outbox, deep)
    of_number: dict[int | None, list[TrackedRun]] = {result.number: [] for result in results}
    found = list[Finding]()
    for run in tracker.trial_runs():
        if run.number in of_number:
            of_number[run.number].append(run)
        elif not run.deleted:
            found.append(_orphaned(run))
    for result in sorted(results, key=lambda result: result.number):
        found += comparison.of_trial(result, of_number[result.number])
    return found


def faults(run: TrackedRun, result: TrialResult) -> list[str]:
    """The differences of a run's status and tags from the trial's, in words."""
    expected = {"status": RUN_STATUS.get(result.state), **expected_tags(result)}
    actual = {**run.tags, "status": run.status}
    return [
        f"{name} is {actual.get(name) or 'missing'} and must be {value or 'missing'}"
        for name, value in expected.items()
        if actual.get(name) != value
    ]


def expected_tags(result: TrialResult) -> dict[str, str | None]:
    """The tags that a finished trial's run must have; None for one that it must not have."""
    digest = result.weights_sha256
    weights = {"studyhall.weights_sha256": digest} if digest else {}
    return {"studyhall.state": result.state, "studyhall.reason": result.reason, **weights}


class _Comparison:
    def __init__(self, tracker: Tracker, outbox: Outbox, deep: bool) -> None:
        self._tracker, self._outbox, self._deep = tracker, outbox, deep
        waiting = [(entry.number, entry.attempt) for entry in outbox.records()]
        self._damage = {key: damage(outbox.path(*key)) for key in waiting}

    def of_trial(self, result: TrialResult, runs: Sequence[TrackedRun]) -> Iterator[Finding]:
        """Compare one trial with the runs whose tags name it."""
        attempt = result.attempt if result.finished else result.live_attempt
        own = [run for run in runs if run.attempt == attempt]
        for run in runs:
            if run.attempt != attempt and not run.deleted:
                yield _stale(run) if run.is_running else _orphaned(run)
        if not result.finished:
            for run in own:
                if not run.deleted and not (run.is_running and result.live_attempt is not None):
                    yield _stale(run) if run.is_running else _orphaned(run)
        elif self._damage.get((result.number, attempt or 0), "not in the outbox") is None:
            yield from self._of_waiting(result, own)
        else:
            yield from self._of_finished(result, own)

    def _of_waiting(self, result: TrialResult, own: Sequence[TrackedRun]) -> Iterator[Finding]:
        """Compare a trial whose record will go to the run noted in the outbox, or to a new one.

        A run with the same result is another machine's; `RunUpload` keeps one of the two.
        """
        number = result.number
        entry = self._outbox.entry(number, result.attempt or 0)
        noted = entry.run_id
        yield Finding("unsent", number, noted, f"trial {number}: its record has not been uploaded")
        for run in own:
            if run.deleted or run.run_id == noted or (run.is_running and entry.may_have_strays):
                continue
            if run.is_running:
                yield _stale(run)
            elif faults(run, result) or _contents_problem(run, result):
                yield _duplicate(run)

    def _of_finished(self, result: TrialResult, own: Sequence[TrackedRun]) -> Iterator[Finding]:
        active = [run for run in own if not run.deleted]
        whole = [run for run in active if not run.is_running or self._is_whole(run, result)]
        kept = _best(whole, result)
        if kept is None:
            kept = _best([r for r in own if r.deleted and not r.is_running], result)
        for run in active:
            if run != kept:
                yield _stale(run) if run.is_running else _duplicate(run)
        problem = self._damage.get((result.number, result.attempt or 0))
        if kept is None:
            state = f"trial {result.number}: is {result.state} in the study, but MLflow has no"
            waits = f", and its record is damaged ({problem})" if problem else ""
            yield Finding("missing", result.number, None, f"{state} run of it{waits}")
            return
        if problem:
            named = f"trial {result.number}: MLflow has it, and its record is damaged"
            yield Finding("damaged", result.number, kept.run_id, f"{named} ({problem})")
        yield from self._of_kept(result, kept)

    def _of_kept(self, result: TrialResult, run: TrackedRun) -> Iterator[Finding]:
        number, run_id = result.number, run.run_id
        named = f"trial {number}: run {run_id}"
        if run.deleted:
            yield Finding("deleted", number, run_id, f"{named} was deleted in MLflow")
        if found := faults(run, result):
            yield Finding("wrong", number, run_id, f"{named}: {', '.join(found)}")
        if problem := _contents_problem(run, result):
            yield Finding("contents", number, run_id, f"{named}: {problem}")
        elif self._deep and (problem := files_problem(self._tracker, run, result)):
            yield Finding("artifacts", number, run_id, f"{named}: {problem}")

    def _is_whole(self, run: TrackedRun, result: TrialResult) -> bool:
        """Whether a run is complete although its status is RUNNING."""
        tagged = run.tags.get("studyhall.state") is not None
        return tagged and files_problem(self._tracker, run, result) is None


def _best(runs: Sequence[TrackedRun], result: TrialResult) -> TrackedRun | None:
    """The run with the fewest differences from the trial; of equals, the first by precedence."""

    def rank(run: TrackedRun) -> tuple[bool, int, tuple[bool, int, str]]:
        differs = _contents_problem(run, result) is not None
        return differs, len(faults(run, result)), precedence(run)

    return min(runs, key=rank, default=None)


def _contents_problem(run: TrackedRun, result: TrialResult) -> str | None:
    expected = {name: str(value) for name, value in (result.parameters or {}).items()}
    for name, value in expected.items():
        if run.parameters.get(name) != value:
            return f"{name} is {run.parameters.get(name, 'missing')} and must be {value}"
    if run.value != result.value:
        return f"value is {run.value} and must be {result.value}"
    return None


def _duplicate(run: TrackedRun) -> Finding:
    problem = f"trial {run.number}: run {run.run_id} is a second run of it"
    return Finding("duplicate", run.number, run.run_id, problem)


def _orphaned(run: TrackedRun) -> Finding:
    named = f"trial {run.number}: run {run.run_id}"
    problem = f"{named} is of attempt {run.attempt}, which the study does not have"
    return Finding("orphaned", run.number, run.run_id, problem)


def _stale(run: TrackedRun) -> Finding:
    problem = f"trial {run.number}: run {run.run_id} is RUNNING, but no worker trains it"
    return Finding("stale", run.number, run.run_id, problem)


def files_problem(tracker: Tracker, run: TrackedRun, result: TrialResult) -> str | None:
    """The first problem of a run's files; None if all are as they were uploaded.

    A tag of the run has the checksum of the list of checksums, the study that of the weights.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    if result.attempt is None:
        return None  # recorded before there were checksums
    removed = {WEIGHTS_FILE} if WEIGHTS_REMOVED in run.tags else ()
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tracker.files(run))
        except StudyhallError:
            if not tracker.answers():
                raise
            return "its artifacts cannot be fetched"
        problem = damage(folder, removed) or _sums_problem(folder, run, result)
        return problem and problem.replace(f"{folder}/", "artifact ", 1)


def _sums_problem(folder: Path, run: TrackedRun, result: TrialResult) -> str | None:
    sums = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    if sums != run.tags.get(ARTIFACTS_TAG):
        return f"{folder / MANIFEST}: must be the list that the run's tag {ARTIFACTS_TAG} names"
    weights = listed(folder).get(WEIGHTS_FILE)
    if weights != result.weights_sha256:
        return f"{folder / WEIGHTS_FILE}: must be the weights that the study has recorded"
    return None
