"""Read a finished trial from its MLflow run: all that a replay needs to train and compare it."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.config.section import RECORDED, Scalar
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import Metric, StudySpec, overlay, recorded_spec
from studyhall.search.tracking.mlflow_errors import mlflow_exception
from studyhall.search.tracking.mlflow_model import MODEL_FOLDER, WEIGHTS_IN_MODEL
from studyhall.search.tracking.run_files import downloaded
from studyhall.search.tracking.run_tags import RunTags, tagged_seed
from studyhall.search.tracking.study_runs import (
    FINGERPRINT,
    STUDY_ID,
    WEIGHTS_REMOVED,
    WEIGHTS_SHA256,
)
from studyhall.search.training.building import TrialSeed
from studyhall.search.training.record import EPOCH_METRICS
from studyhall.search.training.trial import TrialState

if TYPE_CHECKING:
    from studyhall.search.tracking.client import MlflowClient
    from studyhall.search.tracking.study_runs import Run

LOSSES = "training_loss.csv"
WEIGHTS = WEIGHTS_SHA256
STORED_WEIGHTS = f"{MODEL_FOLDER}/{WEIGHTS_IN_MODEL}"
# These metrics are the same in every replay; `seconds` is not, and is left out.
METRICS = ("training_loss", "training_loss_epoch", *EPOCH_METRICS, "value")
STATE, REASON, STATUS = "studyhall.state", "studyhall.reason", "the run's status"


@dataclass(frozen=True, eq=False)
class RecordedTrial:
    """A finished trial, as its MLflow run records it.

    Attributes:
        run_id: the run's id.
        study: the name of the study.
        study_id: its id.
        seed: the study's seed and the trial's number, from which its random numbers follow.
        metric: the metric that the study optimizes.
        settings: the settings that the trial was trained with.
        ending: its state, the reason for it, the run's status, and the digests of its weights by
            their tag and their file; that of a file that `studyhall gc` deleted is left out.
        losses: the training loss by iteration, 1 for the first.
        points: the values of its metrics by iteration and key; several where a point was logged
            more than once.
        fingerprint: the fingerprint of its data.
        blas_threads: the number of BLAS threads in the worker that trained it.
        environment: versions of code, machine and libraries by name.
    """

    run_id: str
    study: str
    study_id: str
    seed: TrialSeed
    metric: Metric
    settings: TrialSettings
    ending: Mapping[str, str | None]
    losses: Mapping[int, float]
    points: Mapping[tuple[int, str], Sequence[float]]
    fingerprint: str
    blas_threads: int
    environment: Mapping[str, str]

    @property
    def has_weights(self) -> bool:
        """Whether it recorded weights, as all but failed trials do."""
        return self.ending[WEIGHTS] is not None

    @property
    def name(self) -> str:
        """The trial as messages name it."""
        named = f"trial {self.seed.number} of {self.study}"
        if fresh := self.seed.fresh:
            named = f"trial {fresh.trial} of {self.study} with fresh seed {fresh.seed}"
        return f"{named} (run {self.run_id})"


def read_trial(client: MlflowClient, run: Run) -> RecordedTrial:
    """Read a finished trial from its run.

    Raises:
        UsageError: the run is not that of a trial that ended.
        StudyhallError: its record is incomplete, damaged or contradicts itself.
    """
    run_id = str(run.info.run_id)
    tags = RunTags(run_id, run.data.tags)
    _require_finished_trial(run, tags)
    spec = _study_spec(client, tags)
    settings = _settings(client, run_id)
    _require_consistent(f"run {run_id}", settings, run.data.params, spec)
    states: tuple[TrialState, ...] = get_args(TrialState)
    metrics: tuple[Metric, ...] = get_args(Metric)
    ending = {
        STATE: tags.choice(STATE, states),
        REASON: tags.get(REASON),
        STATUS: str(run.info.status),
        WEIGHTS: tags.get(WEIGHTS),
    }
    if tags.get(WEIGHTS_REMOVED) is None:
        ending[STORED_WEIGHTS] = _stored_sha256(client, run_id) if ending[WEIGHTS] else None
    with _reading(run_id, "experiment"):
        study = str(client.get_experiment(run.info.experiment_id).name)
    return RecordedTrial(
        run_id=run_id,
        study=study,
        study_id=tags.get(STUDY_ID) or "",
        seed=tagged_seed(tags),
        # Runs older than this tag have the metric in the study file alone.
        metric=tags.choice("studyhall.metric", metrics, spec.study.metric if spec else None),
        settings=settings,
        ending=ending,
        losses=_losses(client, run_id, tags),
        points=_points(client, run),
        fingerprint=tags.required(FINGERPRINT),
        # Runs without this tag are older than it, and were trained on one thread.
        blas_threads=tags.number("studyhall.blas_threads", "1"),
        environment=tags.environment(),
    )


def _require_finished_trial(run: Run, tags: RunTags) -> None:
    run_id, kind = str(run.info.run_id), tags.get("studyhall.kind")
    if run.info.lifecycle_stage == "deleted":
        raise UsageError(
            f"run {run_id}: it was deleted; restore it with `mlflow runs restore --run-id {run_id}`"
        )
    if kind is None:
        raise UsageError(f"run {run_id}: not a run of Studyhall; pass the run of a trial")
    if kind != "trial":
        article = "an" if kind[0] in "aeiou" else "a"
        raise UsageError(
            f"run {run_id}: must be the run of a trial, got that of {article} {kind}; "
            "the runs of its trials are beside or below it"
        )
    if run.info.status in ("RUNNING", "SCHEDULED"):
        raise UsageError(
            f"run {run_id}: trial {tags.get('studyhall.trial')} has not ended; "
            "wait for it, or launch its study again"
        )


def _study_spec(client: MlflowClient, tags: RunTags) -> StudySpec | None:
    """The study file in the study's run; None before the first launch ended."""
    parent = tags.get("mlflow.parentRunId")
    if parent is None:
        return None
    try:
        with _reading(parent, "study.toml"), downloaded(client, parent, "study.toml") as path:
            return recorded_spec(tomllib.loads(path.read_text(encoding="utf-8")))
    except StudyhallError:
        return None


def _settings(client: MlflowClient, run_id: str) -> TrialSettings:
    with _reading(run_id, "settings.json"), downloaded(client, run_id, "settings.json") as path:
        return TrialSettings.model_validate_json(path.read_bytes(), context=RECORDED)


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
        reason = tags.get(REASON)
        raise UsageError(f"run {run_id}: the trial trained nothing that can be compared: {reason}")
    return losses


def _points(client: MlflowClient, run: Run) -> dict[tuple[int, str], list[float]]:
    """The values of the metrics in `METRICS`; other metrics of the run are ignored."""
    found: dict[tuple[int, str], list[float]] = {}
    for key in METRICS:
        if key in run.data.metrics:
            with _reading(run.info.run_id, f"metric {key}"):
                for point in client.get_metric_history(run.info.run_id, key):
                    found.setdefault((point.step, key), []).append(point.value)
    return found


@contextmanager
def _reading(run_id: str, what: str) -> Iterator[None]:
    """Turn an error of reading a part of a run's record into a sentence that names the part."""
    try:
        yield
    except (mlflow_exception(), OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StudyhallError(
            f"run {run_id}: its {what} is missing or damaged, so that it cannot be replayed "
            f"({reason})"
        ) from error


def _require_consistent(
    run: str, settings: TrialSettings, parameters: Mapping[str, str], spec: StudySpec | None
) -> None:
    """Refuse settings that were changed after the trial was trained; the first such key is named.

    Without `spec`, only parameters that are named after a key are checked.
    """
    given = {name: _scalar(value) for name, value in parameters.items()}
    found = settings.model_dump()
    written = found if spec is None else {name: getattr(spec, name) for name in found}
    expected = overlay(written, given)
    try:
        wanted = TrialSettings.model_validate(expected, context=RECORDED).model_dump()
    except ValidationError as error:
        problem = error.errors()[0]
        path = ".".join(map(str, problem["loc"]))
        raise StudyhallError(
            f"{run}: its parameters are not valid settings: {path}: {problem['msg']}"
        ) from error
    # Defaults are not compared, because another version of Studyhall can have other ones.
    given_keys = ((section, key) for section, keys in expected.items() for key in keys)
    # The path is not compared: a launch after the data were moved records their new path.
    for section, key in (one for one in given_keys if one != ("data", "path")):
        was, now = wanted[section][key], found[section][key]
        if was != now:
            raise StudyhallError(
                f"{run}: its settings.json was changed: {section}.{key} is {now!r}, and was "
                f"{was!r} by its study and parameters"
            )


def _scalar(text: str) -> Scalar:
    """A parameter's value, which MLflow keeps as text."""
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
