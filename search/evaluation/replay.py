"""Trials trained again from what MLflow has of them, and compared with their records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from studyhall.search.common.addresses import redact
from studyhall.search.common.environment import environment, fixed_blas_threads
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.own_versions import fetch_recorded
from studyhall.search.data.same_data import require_same_data
from studyhall.search.evaluation.differences import Difference, differences
from studyhall.search.evaluation.recorded_trial import RecordedTrial, read_trial
from studyhall.search.tracking.mlflow_database import missing
from studyhall.search.tracking.run_addresses import RunAddress, parse_run
from studyhall.search.tracking.tracking import find_run, open_client
from studyhall.search.training.building import training_data
from studyhall.search.training.retraining import Stop, retrain

if TYPE_CHECKING:
    from studyhall.search.tracking.tracking import MlflowClient

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True)
class EnvironmentChange:
    """Code, machine or library that is not what it was; None stands for one that is not known."""

    name: str
    recorded: str | None
    here: str | None


@dataclass(frozen=True, eq=False)
class Replay:
    """A trial that was trained again.

    Attributes:
        trial: what its run tells.
        differences: where it came out another way, the earliest first.
        environment: where this environment is another than the recorded one.
    """

    trial: RecordedTrial
    differences: Sequence[Difference]
    environment: Sequence[EnvironmentChange]

    @property
    def identical(self) -> bool:
        """Whether curves, ending and weights are the same, bit for bit."""
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
            "environment": [asdict(change) for change in self.environment],
        }


def replay_runs(
    runs: Sequence[str],
    tracking_uri: str | None = None,
    data_dir: Path | str | None = None,
    progress: Progress = SILENT,
) -> Iterator[Replay]:
    """Train recorded trials again, and compare.

    All runs are read and the data checked at once; each trial is trained when its replay is asked
    of the iterator.

    Args:
        runs: Ids, `runs:/ID`, or addresses of MLflow's UI.
        tracking_uri: MLflow's address; by default the working folder, then the UI's own server.
        data_dir: Folder or archive to take the data sets from.
        progress: Where the fetch of the data reports to.

    Raises:
        UsageError: a run is not that of a trial that ended, or the data are not those that it was
            trained on; every such run is named.
        StudyhallError: what MLflow has of a run is damaged or has gaps.
    """
    client = cache(open_client)
    addresses = _all(parse_run, runs)
    trials = _all(lambda address: _read(address, tracking_uri, client), addresses)
    folders: dict[DataSettings, Path] = {}
    for data, fingerprint in dict.fromkeys((t.settings.data, t.fingerprint) for t in trials):
        folders[data] = fetch_recorded(data, fingerprint, data_dir, progress)
        require_same_data(folders[data], data, fingerprint)
    return (_replay(trial, folders[trial.settings.data]) for trial in trials)


def _all(function: Callable[[Given], Result], given: Sequence[Given]) -> list[Result]:
    """Call a function for all that is given, and report all that is wrong together."""
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
        if missing(store):
            continue  # opening it would leave an empty database behind
        if run := find_run(client(store), address.run_id):
            return read_trial(client(store), run)
    places = " or ".join(redact(store or "this folder") for store in stores)
    raise UsageError(
        f"run {address.run_id}: unknown in {places}; name the store that has it with --tracking-uri"
    )


def _replay(trial: RecordedTrial, folder: Path) -> Replay:
    with fixed_blas_threads(trial.blas_threads):
        data = training_data(folder, trial.settings.data)
        examples = len(data.split.train)
        stop = _stop(trial, examples)
        trained = retrain(trial.settings, data, trial.seed, trial.metric, stop)
        return Replay(trial, differences(trial, trained, examples), _environment_changes(trial))


def _stop(trial: RecordedTrial, examples: int) -> Stop | None:
    """Where a pruned trial ended: with the last point of any of its curves."""
    if trial.state != "pruned":
        return None
    last = max([*trial.losses, *(step for step, _ in trial.points)])
    per_epoch = trial.settings.training.iterations_per_epoch(examples)
    return Stop(-(-last // per_epoch), trial.reason or "")


def _environment_changes(trial: RecordedTrial) -> list[EnvironmentChange]:
    recorded, here = trial.environment, environment()
    return [
        EnvironmentChange(name, recorded.get(name), here.get(name))
        for name in sorted(recorded.keys() | here.keys())
        if recorded.get(name) != here.get(name)
    ]
