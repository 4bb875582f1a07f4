"""A study of four trials that MLflow mirrors rightly, and what can be done to that."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import ViewType

from studyhall.search.study.trial_result import TrialResult
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.repair import Repairs, repair
from studyhall.search.sync.run_diff import Finding, compare
from studyhall.search.sync.run_upload import RunUpload
from studyhall.search.tracking.tracked_run import TrackedRun
from studyhall.search.tracking.tracker import Tracker
from tests.mlflow_database import files_of
from tests.search.small_trials import store_trial
from tests.search.tracked import curve_in, curve_of, sending, trial_runs
from tests.waiting import PATIENCE

# Trial 3 is under way: its first attempt died, and its second is shown while it trains.
HOW: dict[int, dict[str, Any]] = {0: {}, 1: {"prune": True}, 2: {"learning_rate": 1e30}}
LIVE = 3


class Stored:
    """The records of the trials that have ended, trained once for many tests."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder)
        self.records = {number: store_trial(self.outbox, number, **HOW[number]) for number in HOW}

    def put(self, outbox: Outbox, number: int) -> None:
        """Put a trial's record into a outbox, as its worker did."""
        shutil.copytree(self.outbox.path(number, 1), outbox.path(number, 1))


@dataclass
class Scene:
    """A study in MLflow, its outbox, and what its record says; faults are planted by the methods.

    With `sent` all is as it should be; without, MLflow has nothing yet of the trials that ended.
    """

    tracker: Tracker
    outbox: Outbox
    stored: Stored
    sent: bool = True

    def __post_init__(self) -> None:
        for number in HOW if self.sent else ():
            self.stored.put(self.outbox, number)
        with sending(self.tracker, self.outbox) as uploader:
            assert uploader.drain(PATIENCE) == []
        self.tracker.create_run(LIVE, 2, 0)

    @property
    def standings(self) -> list[TrialResult]:
        ended = [
            TrialResult(
                number=number,
                state=record.state,
                reason=record.reason,
                value=record.value,
                parameters=record.parameters,
                attempt=1,
                weights_sha256=record.tags.get("studyhall.weights_sha256"),
            )
            for number, record in self.stored.records.items()
        ]
        return [*ended, TrialResult(LIVE, live_attempt=2)]

    def compare(self, *, deep: bool = True) -> list[Finding]:
        return compare(self.standings, self.tracker, self.outbox, deep=deep)

    def repair(self, *, retraining: bool = True) -> Repairs:
        retrain = self.train_again if retraining else None
        return repair(self.compare(), self.standings, self.tracker, self.outbox, retrain)

    def train_again(self, number: int) -> None:
        store_trial(self.outbox, number, **HOW[number])

    def run_of(self, number: int) -> str:
        """The run that the trial had before anything was planted."""
        (run,) = [run for run in self._runs if run.number == number and not run.deleted]
        return run.run_id

    @property
    def _runs(self) -> list[TrackedRun]:
        return self.tracker.trial_runs()

    def is_right(self) -> bool:
        """Whether each trial that ended has one run with all of it, and the live one its own."""
        runs = trial_runs(self.tracker)
        assert [int(run.data.tags["studyhall.trial"]) for run in runs] == [*HOW, LIVE]
        assert [run.info.status for run in runs] == ["FINISHED", "KILLED", "FAILED", "RUNNING"]
        for run, record in zip(runs, self.stored.records.values(), strict=False):
            found = [point[:2] for point in curve_of(self.tracker.client, run)]
            assert found == [point[:2] for point in curve_in(record.points)]
        assert self.outbox.entries() == []
        return True

    def forget(self, number: int) -> None:
        """Delete a run for good."""
        self.tracker.client._tracking_client.store._hard_delete_run(self.run_of(number))

    def delete(self, number: int) -> None:
        self.tracker.client.delete_run(self.run_of(number))

    def add_twin(self, number: int) -> None:
        """Send a trial's record a second time, to another run."""
        self.stored.put(self.outbox, number)
        RunUpload(self.tracker, self.outbox, number, 1).upload(check_others=False)

    def add_poor_twin(self, number: int) -> None:
        """Add an older run that looks like the trial's, but has none of its parameters."""
        self.add_ended(number, 1)

    def add_ended(self, number: int | str, attempt: int) -> None:
        run_id = self.add_running(number, attempt)
        self.tracker.client.set_tag(run_id, "studyhall.state", "complete")
        self.tracker.client.set_terminated(run_id, "FINISHED")

    def add_running(self, number: int | str, attempt: int) -> str:
        run_id = self.tracker.create_run(0, attempt, 1)
        self.tracker.client.set_tag(run_id, "studyhall.trial", str(number))
        return run_id

    def set_status(self, number: int, status: str) -> None:
        self.tracker.client.update_run(self.run_of(number), status)

    def set_tag(self, number: int, name: str, value: str) -> None:
        self.tracker.client.set_tag(self.run_of(number), f"studyhall.{name}", value)

    def drop_tag(self, number: int, name: str) -> None:
        self.tracker.client.delete_tag(self.run_of(number), f"studyhall.{name}")

    def set_value(self, number: int) -> None:
        self.tracker.client.log_metric(self.run_of(number), "value", 0.123, step=10**6)

    def let_wait(self, number: int) -> None:
        """Bring a trial back to where its record waits, and has no run yet."""
        self.forget(number)
        self.stored.put(self.outbox, number)

    def let_wait_half_sent(self, number: int) -> None:
        self.let_wait(number)
        record = self.stored.records[number]
        run_id = self.tracker.create_run(number, 1, record.started)
        self.tracker.log_points(run_id, record.points[:20])
        self.outbox.note_run(number, 1, run_id)

    def let_wait_damaged(self, number: int) -> None:
        if not self.outbox.path(number, 1).exists():
            self.stored.put(self.outbox, number)
        (self.outbox.path(number, 1) / "record.json").write_bytes(b"{}")

    def spoil_file(self, number: int, name: str) -> None:
        path = self._file(number, name)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def drop_file(self, number: int, name: str) -> None:
        self._file(number, name).unlink()

    def drop_files(self, number: int) -> None:
        shutil.rmtree(self._file(number, ""))

    def _file(self, number: int, name: str) -> Path:
        run = self.tracker.client.get_run(self.run_of(number))
        return files_of(run) / name

    def deleted_runs(self) -> int:
        return len(trial_runs(self.tracker, ViewType.DELETED_ONLY))


Plant = Callable[[Scene], object]
