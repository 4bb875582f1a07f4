"""The record of a trial put into the outbox: by its worker, or restored by training it again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from studyhall.search.common.environment import fixed_blas_threads
from studyhall.search.common.errors import StudyhallError
from studyhall.search.config.section import Scalar
from studyhall.search.data.datasets import shown_rows
from studyhall.search.study.job import Job
from studyhall.search.study.study import Study
from studyhall.search.study.trial_result import ATTEMPT, WEIGHTS
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.run_tags import seed_tags
from studyhall.search.training import record as records
from studyhall.search.training import trial as training
from studyhall.search.training.building import TrialSeed, training_data


def trial_seed(job: Job, number: int) -> TrialSeed:
    """The seeds of a trial: the study's, the trial's number, and a finalist's fresh seed."""
    return TrialSeed(job.spec.study.seed, number, job.spec.fresh(number))


def store_record(
    job: Job,
    record: training.TrialRecord,
    attempt: int,
    *,
    parameters: Mapping[str, Scalar],
    reports: Mapping[int, float],
    notes: Mapping[str, Any],
    points: tuple[records.Point, ...],
    tags: Mapping[str, str] | None = None,
) -> records.StoredRecord:
    """Write a trial's record to the job's outbox, all of it or nothing.

    The arguments are those of `records.store`. The trial's value is added to the points, and the
    tags of the job and of the trial's seeds to the tags.

    Raises:
        StudyhallError: the disk is full or the folder cannot be written.
    """
    data = training_data(job.data_folder, record.settings.data)
    shown = shown_rows(data.dataset, data.split.train, records.SHOWN)
    return records.store(
        Outbox(job.outbox).path(record.number, attempt),
        record,
        attempt=attempt,
        parameters=parameters,
        reports=reports,
        notes=notes,
        points=(*points, *records.value_point(record)),
        tags={**job.tags, **seed_tags(trial_seed(job, record.number)), **(tags or {})},
        examples=data.dataset.train_examples[shown],
        labels=data.dataset.train_labels[shown],
    )


def restore(study: Study, job: Job, number: int, blas_threads: int) -> None:
    """Train a finished trial again, and put its record into the job's outbox.

    The threads of the matrix products must be as many as in the study's launches.

    Raises:
        StudyhallError: the result differs from the recorded one, as on another kind of machine.
    """
    trial = study.trials()[number]
    settings = study.spec.resolve(trial.params)
    reason = str(trial.user_attrs.get("reason"))
    if reason.startswith(training.WORKER_DEATH_PREFIX):
        record = training.give_up(number, settings, reason)
    else:
        last = max(trial.intermediate_values) if trial.state.name == "PRUNED" else None
        data = training_data(job.data_folder, settings.data)
        with fixed_blas_threads(blas_threads):
            metric, on_epoch = study.spec.study.metric, training.pruned_after(last, reason)
            record = training.run_trial(settings, data, trial_seed(job, number), metric, on_epoch)
    attempt = int(trial.user_attrs[ATTEMPT])
    stored = store_record(
        job,
        record,
        attempt,
        parameters=trial.params,
        reports=trial.intermediate_values,
        notes=dict(trial.system_attrs),
        points=_points(record, job),
        tags={records.RESTORED: "true"},
    )
    recorded = trial.value, trial.user_attrs.get(WEIGHTS), trial.user_attrs.get("reason")
    if recorded != (record.value, stored.tags.get("studyhall.weights_sha256"), record.reason):
        Outbox(job.outbox).remove(number, attempt)
        raise StudyhallError(
            f"trial {number}: its record is lost, and training it again gave another result; "
            "restore it on the machine that trained it"
        )


def _points(record: training.TrialRecord, job: Job) -> tuple[records.Point, ...]:
    data = training_data(job.data_folder, record.settings.data)
    iterations = record.settings.training.total_iterations(len(data.split.train))
    stride, now = records.curve_stride(iterations), int(time.time() * 1000)
    return tuple(
        point for epoch in record.epochs for point in records.epoch_points(epoch, stride, now)
    )
