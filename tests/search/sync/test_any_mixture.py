"""Any mixture of runs and records, brought in line with the study, against a simple reference."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.mlflow_model import lay_out
from tests.mlflow_database import sqlite
from tests.search.sync.scenes import HOW, Scene, Stored
from tests.search.tracked import open_tracker

# How a run of a trial that has ended may look: of its own attempt, and of others.
OWN = ("whole", "wrong status", "wrong tag", "half", "deleted whole", "deleted half")
OTHER = ("other ended", "other running")


@dataclass(frozen=True)
class Trial:
    """What MLflow and the outbox hold of a trial that has ended."""

    runs: tuple[str, ...]
    record: str  # none, whole, damaged


TRIALS = st.builds(
    Trial,
    runs=st.lists(st.sampled_from(OWN + OTHER), max_size=3).map(tuple),
    record=st.sampled_from(("none", "whole", "damaged")),
)
STUDIES = st.tuples(*[TRIALS] * len(HOW))


def expected(trial: Trial) -> Counter[str]:
    """What must be found of a trial."""
    count = Counter(trial.runs)
    ended = count["whole"] + count["wrong status"] + count["wrong tag"]
    found = Counter(orphaned=count["other ended"], stale=count["other running"] + count["half"])
    if trial.record == "whole":
        return found + Counter(unsent=1, duplicate=ended - count["whole"])
    if not ended and not count["deleted whole"]:
        return found + Counter(missing=1)
    return found + Counter(
        duplicate=max(ended - 1, 0),
        deleted=int(not ended),
        wrong=int(ended > 0 and not count["whole"]),
        damaged=int(trial.record == "damaged"),
    )


class Builder:
    """Makes MLflow and the outbox hold what a study says."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.client = scene.tracker.client

    def build(self, number: int, trial: Trial) -> None:
        for kind in trial.runs:
            self._add(number, kind)
        if trial.record == "whole":
            self.scene.stored.put(self.scene.outbox, number)
        elif trial.record == "damaged":
            self.scene.let_wait_damaged(number)

    def _add(self, number: int, kind: str) -> None:
        tracker, stored = self.scene.tracker, self.scene.stored
        record = stored.records[number]
        if kind in OTHER:
            (self.scene.add_ended if kind == "other ended" else self.scene.add_running)(number, 2)
            return
        run_id = tracker.create_run(number, 1, record.started)
        tracker.log_points(run_id, record.points[:9])
        if "half" not in kind:
            tracker.log_data(run_id)
            tracker.log_record(run_id, stored.outbox.path(number, 1), record)
        if kind == "wrong status":
            self.client.update_run(run_id, "SCHEDULED")
        if kind == "wrong tag":
            self.client.set_tag(run_id, "studyhall.state", "unknown")
        if "deleted" in kind:
            self.client.delete_run(run_id)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    stored = Stored(tmp_path_factory.mktemp("stored"))
    for number in HOW:
        lay_out(stored.outbox.path(number, 1))  # once for all examples
    return stored


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


names = itertools.count()


@pytest.mark.parametrize("examples", [3, pytest.param(15, marks=pytest.mark.long)])
def test_any_mixture_is_found_and_put_right(
    stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    monkeypatch.chdir(folder)

    @settings(
        max_examples=examples,
        database=None,
        # Looking for a smaller example costs minutes here, and the study is small as it is.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(study=STUDIES)
    def try_a_study(study: tuple[Trial, ...]) -> None:
        name = f"study-{next(names)}"
        scene = Scene(open_tracker(sqlite(folder), name), Outbox(folder / name), stored, sent=False)
        for number, trial in enumerate(study):
            Builder(scene).build(number, trial)
        found = scene.compare(deep=False)
        for number, trial in enumerate(study):
            kinds = Counter(str(finding.kind) for finding in found if finding.number == number)
            assert kinds == expected(trial), trial
        assert sum(expected(trial).total() for trial in study) == len(found)
        assert scene.repair().left == ()
        assert scene.compare() == []
        assert scene.is_right()

    try_a_study()
