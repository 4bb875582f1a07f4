"""Training a recorded trial again, to where it ended; no pruner is asked."""

from __future__ import annotations

from dataclasses import dataclass

from studyhall.model import EpochRecord
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import Metric
from studyhall.search.training.building import TrainingData, TrialSeed
from studyhall.search.training.trial import TrialRecord, run_trial


@dataclass(frozen=True)
class Stop:
    """Where a pruned trial ended: after which epoch, 1 for the first, and why."""

    epoch: int
    reason: str


def retrain(
    settings: TrialSettings,
    data: TrainingData,
    seed: TrialSeed,
    metric: Metric,
    stop: Stop | None = None,
) -> TrialRecord:
    """Train a trial again; on the same machine its record is the same, bit for bit.

    The caller fixes the threads of BLAS (`fixed_blas_threads`), on which the last
    bits depend.

    Args:
        settings: What the trial was trained with.
        data: What it was trained on.
        seed: The study's seed and the trial's number.
        metric: What the study selects by: the trial's value, and what `keep = "best"` goes by.
        stop: Where it was pruned; None for a trial that went on to its end or diverged.
    """

    def on_epoch(epoch: EpochRecord) -> str | None:
        return stop.reason if stop and epoch.epoch >= stop.epoch else None

    return run_trial(settings, data, seed, metric, on_epoch)
