"""Where a trial that was trained again differs from its record, in the order of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan

from studyhall.model import weights_sha256
from studyhall.search.evaluation.recorded_trial import (
    LOSSES,
    METRICS,
    STORED_WEIGHTS,
    RecordedTrial,
)
from studyhall.search.tracking.tracker import RUN_STATUS
from studyhall.search.training.record import curve_stride, epoch_points, value_point
from studyhall.search.training.trial import TrialRecord, pruning_reason

Value = float | str | None
Points = Mapping[tuple[int, str], Sequence[float]]


@dataclass(frozen=True)
class Difference:
    """One value that is not what it was; None stands for a value that is not there.

    `what` is a metric, an artifact or a tag; `iteration` and `epoch`, 1 for the first, say where on
    a curve it is.
    """

    what: str
    recorded: Value
    trained: Value
    iteration: int | None = None
    epoch: int | None = None

    def __str__(self) -> str:
        place = "" if self.iteration is None else f" at iteration {self.iteration}"
        place += "" if self.epoch is None else f" (epoch {self.epoch})"
        values = f"recorded {_shown(self.recorded)}, trained {_shown(self.trained)}"
        return f"{self.what}{place}: {values}"

    def to_dict(self) -> dict[str, object]:
        """The difference as JSON holds it, which has no number that is infinite or none."""
        return {
            "what": self.what,
            "iteration": self.iteration,
            "epoch": self.epoch,
            "recorded": _json_value(self.recorded),
            "trained": _json_value(self.trained),
        }


def differences(
    recorded: RecordedTrial, trained: TrialRecord, train_examples: int
) -> list[Difference]:
    """Compare a trial's record with what training it again gave: bit for bit, seconds apart.

    Args:
        recorded: What its run tells.
        trained: What it did now.
        train_examples: How many examples it trained on.

    Returns:
        Every difference, the earliest of the training first; what a trial ends with comes last.
    """
    wanted = recorded.settings.training
    stride = curve_stride(wanted.total_iterations(train_examples))
    old = {(i, LOSSES): [loss] for i, loss in recorded.losses.items()} | dict(recorded.points)
    per_epoch = wanted.iterations_per_epoch(train_examples)
    return [*_on_curves(old, _points(trained, stride), per_epoch), *_at_the_end(recorded, trained)]


def _points(trained: TrialRecord, stride: int) -> dict[tuple[int, str], list[float]]:
    """The values that the trial's run would have, and the losses of every iteration."""
    points = [*value_point(trained)]
    for epoch in trained.epochs:
        points += epoch_points(epoch, stride, timestamp=0)
    found = {(point.step, point.key): [point.value] for point in points if point.key in METRICS}
    losses = enumerate(trained.losses.tolist(), start=1)
    return found | {(iteration, LOSSES): [loss] for iteration, loss in losses}


def _on_curves(old: Points, new: Points, per_epoch: int) -> list[Difference]:
    order = (LOSSES, *METRICS)
    found = []
    for place in sorted(old.keys() | new.keys(), key=lambda p: (p[0], order.index(p[1]))):
        (after,) = new.get(place, (None,))
        for before in old.get(place, (None,)):
            if not _same(before, after):
                iteration, what = place
                epoch = -(-iteration // per_epoch)
                found.append(Difference(what, before, after, iteration, epoch))
    return found


def _at_the_end(recorded: RecordedTrial, trained: TrialRecord) -> list[Difference]:
    weights = weights_sha256(trained.classifier) if trained.classifier else None
    ends: list[tuple[str, Value, Value]] = [
        ("studyhall.state", recorded.state, trained.state),
        ("studyhall.reason", recorded.reason, _reason(recorded, trained)),
        ("the run's status", recorded.status, RUN_STATUS[trained.state]),
        ("studyhall.weights_sha256", recorded.weights_sha256, weights),
    ]
    if not recorded.weights_removed:
        ends.append((STORED_WEIGHTS, recorded.stored_sha256, weights))
    return [Difference(*end) for end in ends if end[1] != end[2]]


def _reason(recorded: RecordedTrial, trained: TrialRecord) -> str | None:
    """Why the trial ended; a pruned one with the epoch and the value that it has now."""
    if trained.state != "pruned":
        return trained.reason
    pruner = (recorded.reason or "").partition(" ")[0]
    return pruning_reason(pruner, recorded.metric, trained.epochs[-1])


def _same(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return before == after or (isnan(before) and isnan(after))


def _shown(value: Value) -> str:
    return "nothing" if value is None else str(value)


def _json_value(value: Value) -> Value:
    return str(value) if isinstance(value, float) and not isfinite(value) else value
