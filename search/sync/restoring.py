"""A lost record made again: the trial is trained as the study recorded it, and compared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from studyhall.search.common.environment import fixed_blas_threads
from studyhall.search.common.errors import StudyhallError
from studyhall.search.study.job import Job
from studyhall.search.study.study import Study
from studyhall.search.study.trial_result import ATTEMPT, WEIGHTS
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.run_tags import seed_tags
from studyhall.search.training.building import TrialSeed, training_data
from studyhall.search.training.record import (
    RESTORED,
    SHOWN,
    curve_stride,
    epoch_points,
    store,
    value_point,
)
from studyhall.search.training.trial import (
    WORKER_DEATH_PREFIX,
    TrialRecord,
    give_up,
    pruned_after,
    run_trial,
)

if TYPE_CHECKING:
    from studyhall.search.study.storage import FrozenTrial


def restore(study: Study, job: Job, number: int, blas_threads: int) -> None:
    """Train a finished trial again, and put its record where records wait to be sent.

    Args:
        study: The study, which says how the trial was trained and ended.
        job: Where its data are and its records go.
        number: The trial.
        blas_threads: Threads of the matrix products, as the study's launches have them.

    Raises:
        StudyhallError: the trial came out another way, as on another kind of machine.
    """
    trial = study.trials()[number]
    settings = study.spec.resolve(trial.params)
    data = training_data(job.data_folder, settings.data)
    seed = TrialSeed(study.spec.study.seed, number, study.spec.fresh(number))
    reason = str(trial.user_attrs.get("reason"))
    if reason.startswith(WORKER_DEATH_PREFIX):
        record = give_up(number, settings, reason)
    else:
        last = max(trial.intermediate_values) if _was_pruned(trial) else None
        with fixed_blas_threads(blas_threads):
            metric, on_epoch = study.spec.study.metric, pruned_after(last, reason)
            record = run_trial(settings, data, seed, metric, on_epoch)
    outbox, attempt = Outbox(job.outbox), int(trial.user_attrs[ATTEMPT])
    stride = curve_stride(settings.training.total_iterations(len(data.split.train)))
    now, shown = int(time.time() * 1000), data.split.train[:SHOWN]
    stored = store(
        outbox.path(number, attempt),
        record,
        attempt=attempt,
        parameters=trial.params,
        reports=trial.intermediate_values,
        notes=dict(trial.system_attrs),
        points=(
            *(point for epoch in record.epochs for point in epoch_points(epoch, stride, now)),
            *value_point(record),
        ),
        tags={**job.tags, **seed_tags(seed), RESTORED: "true"},
        examples=data.dataset.train_examples[shown],
        labels=data.dataset.train_labels[shown],
    )
    if not _agrees(trial, record, stored.tags.get("studyhall.weights_sha256")):
        outbox.remove(number, attempt)
        raise StudyhallError(
            f"trial {number}: its record is lost, and trained again it came out another way; "
            "restore it on the machine that trained it"
        )


def _was_pruned(trial: FrozenTrial) -> bool:
    return trial.state.name == "PRUNED"


def _agrees(trial: FrozenTrial, record: TrialRecord, weights: str | None) -> bool:
    recorded = trial.value, trial.user_attrs.get(WEIGHTS), trial.user_attrs.get("reason")
    return recorded == (record.value, weights, record.reason)
