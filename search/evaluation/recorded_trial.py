"""A trial as its MLflow run tells of it: all that is needed to train it again and to compare."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import Metric, StudySpec, recorded_spec
from studyhall.search.evaluation.recorded_settings import require_consistent
from studyhall.search.tracking.mlflow_errors import mlflow_exception
from studyhall.search.tracking.mlflow_model import MODEL_FOLDER, WEIGHTS_IN_MODEL
from studyhall.search.tracking.run_tags import RunTags
from studyhall.search.tracking.seed_tags import tagged_seed
from studyhall.search.tracking.tracking import FINGERPRINT, WEIGHTS_REMOVED
from studyhall.search.tracking.trained import downloaded
from studyhall.search.training.building import TrialSeed
from studyhall.search.training.trial import TrialState

if TYPE_CHECKING:
    from studyhall.search.tracking.tracking import MlflowClient, Run

LOSSES = "training_loss.csv"
STORED_WEIGHTS = f"{MODEL_FOLDER}/{WEIGHTS_IN_MODEL}"
# Each is the same whenever the trial is trained; `seconds` is not.
METRICS = (
    "training_loss",
    "training_loss_epoch",
    "training_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "gradient_norm",
    "update_ratio",
    "dead_relu_share",
    "value",
)


@dataclass(frozen=True, eq=False)
class RecordedTrial:
    """What an MLflow run says of a finished trial.

    Attributes:
        run_id: the run.
        study: the name of its study.
        seed: where its randomness came from, its number included.
        metric: what the study selects by.
        settings: what the trial was trained with.
        state: how it ended.
        reason: why it was pruned or failed.
        status: the state of the run in MLflow's words.
        weights_sha256: the digest of its weights, as the run is tagged.
        stored_sha256: the digest of the weights' file that the run holds; None if it holds none.
        weights_removed: whether that file was deleted on purpose.
        losses: the training loss by iteration, 1 for the first.
        points: the values of its metrics by iteration and key; more than one where a point was
            written again.
        fingerprint: that of the data.
        blas_threads: threads of the matrix products in the worker that trained it.
        environment: code, machine and libraries by name.
    """

    run_id: str
    study: str
    seed: TrialSeed
    metric: Metric
    settings: TrialSettings
    state: TrialState
    reason: str | None
    status: str
    weights_sha256: str | None
    stored_sha256: str | None
    weights_removed: bool
    losses: Mapping[int, float]
    points: Mapping[tuple[int, str], Sequence[float]]
    fingerprint: str
    blas_threads: int
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """The trial as a sentence names it."""
        named = f"trial {self.seed.number} of {self.study}"
        if fresh := self.seed.fresh:
            named = f"trial {fresh.trial} of {self.study} with fresh seed {fresh.seed}"
        return f"{named} (run {self.run_id})"


def read_trial(client: MlflowClient, run: Run) -> RecordedTrial:
    """Read all that a run says of its trial.

    Raises:
        UsageError: the run is not that of a trial that ended.
        StudyhallError: its record has gaps, is damaged, or contradicts itself.
    """
    run_id = str(run.info.run_id)
    tags = RunTags(run_id, run.data.tags)
    _require_finished_trial(run, tags)
    spec = _study_spec(client, tags)
    settings = _settings(client, run_id)
    require_consistent(f"run {run_id}", settings, run.data.params, spec)
    states: tuple[TrialState, ...] = get_args(TrialState)
    state = tags.choice("studyhall.state", states)
    weights, removed = tags.get("studyhall.weights_sha256"), tags.get(WEIGHTS_REMOVED)
    with _reading(run_id, "experiment"):
        study = str(client.get_experiment(run.info.experiment_id).name)
    return RecordedTrial(
        run_id=run_id,
        study=study,
        seed=tagged_seed(tags),
        metric=_metric(tags, spec),
        settings=settings,
        state=state,
        reason=tags.get("studyhall.reason"),
        status=str(run.info.status),
        weights_sha256=weights,
        stored_sha256=_stored_sha256(client, run_id) if weights and not removed else None,
        weights_removed=removed is not None,
        losses=_losses(client, run_id, tags),
        points=_points(client, run),
        fingerprint=tags.required(FINGERPRINT),
        # Runs of before there was the tag were trained on one thread.
        blas_threads=tags.number("studyhall.blas_threads", "1"),
        environment=tags.environment(),
    )


def _require_finished_trial(run: Run, tags: RunTags) -> None:
    run_id, kind = str(run.info.run_id), tags.get("studyhall.kind")
    if run.info.lifecycle_stage == "deleted":
        raise UsageError(
            f"run {run_id}: was deleted; bring it back with `mlflow runs restore --run-id {run_id}`"
        )
    if kind is None:
        raise UsageError(f"run {run_id}: is no run of Studyhall; give the run of a trial")
    if kind != "trial":
        article = "an" if kind[0] in "aeiou" else "a"
        raise UsageError(
            f"run {run_id}: must be the run of a trial, got that of {article} {kind}; "
            "its trials are the runs beside or below it"
        )
    if run.info.status in ("RUNNING", "SCHEDULED"):
        raise UsageError(
            f"run {run_id}: trial {tags.get('studyhall.trial')} has not ended; "
            "wait for it, or launch its study again"
        )


def _study_spec(client: MlflowClient, tags: RunTags) -> StudySpec | None:
    """The study file in the study's run, which is there once a launch has come to its end."""
    parent = tags.get("mlflow.parentRunId")
    if parent is None:
        return None
    try:
        with _reading(parent, "study.toml"), downloaded(client, parent, "study.toml") as path:
            return recorded_spec(tomllib.loads(path.read_text(encoding="utf-8")))
    except StudyhallError:
        return None


def _metric(tags: RunTags, spec: StudySpec | None) -> Metric:
    """What the study selects by; runs of before there was the tag leave it to the study file."""
    metrics: tuple[Metric, ...] = get_args(Metric)
    return tags.choice("studyhall.metric", metrics, spec.study.metric if spec else None)


def _settings(client: MlflowClient, run_id: str) -> TrialSettings:
    with _reading(run_id, "settings.json"), downloaded(client, run_id, "settings.json") as path:
        return TrialSettings.model_validate_json(path.read_bytes())


def _stored_sha256(client: MlflowClient, run_id: str) -> str:
    with _reading(run_id, STORED_WEIGHTS), downloaded(client, run_id, STORED_WEIGHTS) as path:
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _losses(client: MlflowClient, run_id: str, tags: RunTags) -> dict[int, float]:
    with _reading(run_id, LOSSES), downloaded(client, run_id, LOSSES) as path:
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        losses = {int(iteration): float(loss) for iteration, loss in rows}
        if header != ["iteration", "training_loss"]:
            raise ValueError(f"its first line is {header}")
    if not losses:
        reason = tags.get("studyhall.reason")
        raise UsageError(f"run {run_id}: nothing was trained that could be compared: {reason}")
    return losses


def _points(client: MlflowClient, run: Run) -> dict[tuple[int, str], list[float]]:
    """The values of our metrics; those that a user added to the run are no business of ours."""
    found: dict[tuple[int, str], list[float]] = {}
    for key in METRICS:
        if key in run.data.metrics:
            with _reading(run.info.run_id, f"metric {key}"):
                for point in client.get_metric_history(run.info.run_id, key):
                    found.setdefault((point.step, key), []).append(point.value)
    return found


@contextmanager
def _reading(run_id: str, what: str) -> Iterator[None]:
    """Say in a sentence what of a run is gone or damaged."""
    try:
        yield
    except (mlflow_exception(), OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StudyhallError(
            f"run {run_id}: its {what} is gone or damaged, so that it cannot be trained again "
            f"({reason})"
        ) from error
