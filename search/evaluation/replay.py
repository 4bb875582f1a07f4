"""Train recorded trials again from their MLflow runs, and compare the results bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from studyhall.model import weights_sha256
from studyhall.search.common.addresses import redact
from studyhall.search.common.environment import environment, fixed_blas_threads
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.recorded_data import fetch_recorded, require_same_data
from studyhall.search.evaluation.recorded_trial import (
    LOSSES,
    METRICS,
    REASON,
    STATE,
    STATUS,
    STORED_WEIGHTS,
    WEIGHTS,
    RecordedTrial,
    read_trial,
)
from studyhall.search.study.recorded import recorded_path
from studyhall.search.tracking.address import missing_database
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.mlflow_ui import RunAddress, parse_run
from studyhall.search.tracking.study_runs import find_run
from studyhall.search.tracking.tracked_run import RUN_STATUS
from studyhall.search.training.building import training_data
from studyhall.search.training.record import curve_stride, epoch_points, value_point
from studyhall.search.training.trial import TrialRecord, pruned_after, pruning_reason, run_trial

if TYPE_CHECKING:
    from studyhall.search.tracking.client import MlflowClient

Given = TypeVar("Given")
Result = TypeVar("Result")
Value = float | str | None
EnvironmentChange = tuple[str, str | None, str | None]
Points = Mapping[tuple[int, str], Sequence[float]]


@dataclass(frozen=True)
class ReplayDifference:
    """One value that differs between a trial's record and its replay.

    Attributes:
        what: a metric, an artifact or a tag.
        recorded: the recorded value; None if the record has none.
        trained: the value of the replay; None if it has none.
        iteration: where on a curve the value is, 1 for the first iteration.
        epoch: the epoch of that iteration, 1 for the first.
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
        """The difference for JSON, which cannot hold infinities and NaN: they become text."""
        values = {"recorded": _json_value(self.recorded), "trained": _json_value(self.trained)}
        return {**asdict(self), **values}


@dataclass(frozen=True, eq=False)
class Replay:
    """A trial that was trained again.

    Attributes:
        trial: the recorded trial.
        differences: where the replay differs from it, the earliest first.
        environment: each code version, machine or library that differs: its name, the recorded
            value and the one here; None is unknown.
    """

    trial: RecordedTrial
    differences: Sequence[ReplayDifference]
    environment: Sequence[EnvironmentChange]

    @property
    def identical(self) -> bool:
        """Whether curves, final state and weights are the same, bit for bit."""
        return not self.differences

    def to_dict(self) -> dict[str, object]:
        """The replay as JSON holds it."""
        return {
            "run_id": self.trial.run_id,
            "study": self.trial.study,
            "trial": self.trial.seed.number,
            "identical": self.identical,
            "iterations": len(self.trial.losses),
            "differences": len(self.differences),
            "first_difference": self.differences[0].to_dict() if self.differences else None,
            "environment": [
                {"name": name, "recorded": recorded, "here": here}
                for name, recorded, here in self.environment
            ],
        }


def replay_runs(
    runs: Sequence[str],
    tracking_uri: str | None = None,
    data_dir: Path | str | None = None,
    progress: Progress = SILENT,
) -> Iterator[Replay]:
    """Train recorded trials again, and compare each with its record.

    The call reads all runs and checks the data. Each trial is trained when the iterator reaches it.

    Args:
        runs: Run ids, `runs:/ID`, or addresses of MLflow's UI.
        tracking_uri: MLflow's address; by default the working folder, then the UI's own server.
        data_dir: Folder or archive to take the data sets from.
        progress: Callback for the progress of fetching the data.

    Raises:
        UsageError: a run is not that of a trial that ended, or the data are not those that it was
            trained on; every such run is named.
        StudyhallError: a run's record is damaged or incomplete.
    """
    client = cache(open_client)
    addresses = _map_all(parse_run, runs)
    trials = _map_all(lambda address: _read(address, tracking_uri, client), addresses)
    folders: dict[DataSettings, Path] = {}
    wanted = dict.fromkeys((t.settings.data, t.fingerprint, t.study_id) for t in trials)
    for data, fingerprint, study_id in wanted:
        path = recorded_path(study_id) if data.path else None
        here = data.model_copy(update={"path": path}) if path else data
        folders[data] = fetch_recorded(
            here, fingerprint, data_dir, progress, follow=path is not None
        )
        require_same_data(folders[data], data, fingerprint)
    return (_replay(trial, folders[trial.settings.data]) for trial in trials)


def _map_all(function: Callable[[Given], Result], given: Sequence[Given]) -> list[Result]:
    """Apply a function to each item, and report the errors of all items together."""
    results, problems = [], []
    for one in given:
        try:
            results.append(function(one))
        except StudyhallError as error:
            problems.append(error)
    if problems:
        misuse = any(isinstance(problem, UsageError) for problem in problems)
        raise (UsageError if misuse else StudyhallError)("\n".join(map(str, problems)))
    return results


def _read(
    address: RunAddress, tracking_uri: str | None, client: Callable[[str | None], MlflowClient]
) -> RecordedTrial:
    stores = address.stores(tracking_uri)
    for store in stores:
        if missing_database(store):
            continue  # Opening it would create an empty database.
        if run := find_run(client(store), address.run_id):
            return read_trial(client(store), run)
    places = " or ".join(redact(store or "this folder") for store in stores)
    raise UsageError(
        f"run {address.run_id}: not found in {places}; pass the address of its MLflow with "
        "--tracking-uri"
    )


def _replay(trial: RecordedTrial, folder: Path) -> Replay:
    """Train a trial again, and compare all but the seconds with its record, bit for bit.

    Differences on the curves come in the order of the training, then those of the final state.
    """
    wanted = trial.settings.training
    recorded = {(i, LOSSES): [loss] for i, loss in trial.losses.items()} | dict(trial.points)
    with fixed_blas_threads(trial.blas_threads):
        data = training_data(folder, trial.settings.data)
        examples = len(data.split.train)
        per_epoch, last = wanted.iterations_per_epoch(examples), None
        if trial.ending[STATE] == "pruned":  # after the last point of any of its curves
            last = -(-max(iteration for iteration, _ in recorded) // per_epoch)
        on_epoch = pruned_after(last, trial.ending[REASON] or "")
        trained = run_trial(trial.settings, data, trial.seed, trial.metric, on_epoch)
        points = _points(trained, curve_stride(wanted.total_iterations(examples)))
        on_curves = _curve_differences(recorded, points, per_epoch)
        found = [*on_curves, *_final_differences(trial, trained)]
        return Replay(trial, found, _environment_changes(trial))


def _environment_changes(trial: RecordedTrial) -> list[EnvironmentChange]:
    recorded, here = trial.environment, environment()
    return [
        (name, recorded.get(name), here.get(name))
        for name in sorted(recorded.keys() | here.keys())
        if recorded.get(name) != here.get(name)
    ]


def _points(trained: TrialRecord, stride: int) -> dict[tuple[int, str], list[float]]:
    """The metrics that the replay would log, and the loss of every iteration."""
    points = [*value_point(trained)]
    for epoch in trained.epochs:
        points += epoch_points(epoch, stride, timestamp=0)
    found = {(point.step, point.key): [point.value] for point in points if point.key in METRICS}
    losses = enumerate(trained.losses.tolist(), start=1)
    return found | {(iteration, LOSSES): [loss] for iteration, loss in losses}


def _curve_differences(old: Points, new: Points, per_epoch: int) -> list[ReplayDifference]:
    order = (LOSSES, *METRICS)
    found = []
    for place in sorted(old.keys() | new.keys(), key=lambda p: (p[0], order.index(p[1]))):
        (after,) = new.get(place, (None,))
        for before in old.get(place, (None,)):
            if not _same(before, after):
                iteration, what = place
                epoch = -(-iteration // per_epoch)
                found.append(ReplayDifference(what, before, after, iteration, epoch))
    return found


def _final_differences(recorded: RecordedTrial, trained: TrialRecord) -> list[ReplayDifference]:
    weights = weights_sha256(trained.classifier) if trained.classifier else None
    reason = trained.reason
    if trained.state == "pruned":  # it has the recorded reason, and may have pruned elsewhere
        pruner = (recorded.ending[REASON] or "").partition(" ")[0]
        reason = pruning_reason(pruner, recorded.metric, trained.epochs[-1])
    here = {
        STATE: trained.state,
        REASON: reason,
        STATUS: RUN_STATUS[trained.state],
        WEIGHTS: weights,
        STORED_WEIGHTS: weights,
    }
    ends = recorded.ending.items()
    return [ReplayDifference(name, was, here[name]) for name, was in ends if was != here[name]]


def _same(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return before == after or (isnan(before) and isnan(after))


def _shown(value: Value) -> str:
    return "nothing" if value is None else str(value)


def _json_value(value: Value) -> Value:
    return str(value) if isinstance(value, float) and not isfinite(value) else value
