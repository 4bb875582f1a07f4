"""The files of a run, fetched and compared with their checksums."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from studyhall.search.tracking.tracking import WEIGHTS_REMOVED

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.manifest import MANIFEST, damage, listed
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.tracking.mlflow_model import MODEL_FOLDER, WEIGHTS_IN_MODEL
from studyhall.search.tracking.tracked_run import TrackedRun
from studyhall.search.tracking.tracker import ARTIFACTS_TAG, Tracker

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
