"""A study of points on a cluster, and what each of its trials came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from studyhall import StudySpec, StudySummary, launch
from studyhall.search.common.options import Options
from studyhall.search.study.observer import Observer
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.sync.doctor import examine
from tests.search.moons import Moons
from tests.service.dask_cluster import DaskCluster
from tests.service.stack import Served

Answers = dict[str, tuple[Any, ...]]


class AnHourAhead(datetime):
    """The clock of a machine that nobody has set."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> AnHourAhead:
        return super().now(tz) + timedelta(hours=1)


@dataclass
class Told(Observer):
    """Keeps what it is told, and acts on the first trial that ends."""

    at_first: Callable[[], object] = lambda: None
    notes: list[str] = field(default_factory=list)
    trials: list[int] = field(default_factory=list)

    def note(self, message: str) -> None:
        self.notes.append(message)

    def trial(self, result: TrialResult) -> None:
        self.trials.append(result.number)
        if len(self.trials) == 1:
            self.at_first()


def long(moons: Moons, **study: Any) -> StudySpec:
    """A study of six trials, of about a second each."""
    spec = moons.spec(**{"trials": 6, "window": 3, **study})
    return spec.model_copy(update={"training": spec.training | {"epochs": 400}})


@dataclass(frozen=True)
class OnCluster(Served):
    """A study of points, done by the cluster."""

    cluster: DaskCluster

    def options(self, **chosen: Any) -> Options:
        return super().options(**{"cluster": self.cluster.address, "jobs": None, **chosen})

    def long(self, **study: Any) -> StudySpec:
        return long(self, **{"name": self.name, **study})

    @property
    def name(self) -> str:
        return self.folder.name.replace("_", "-")

    def answers(self) -> dict[str, tuple[Any, ...]]:
        """What each trial came to, by its number; no trial has two runs, and none is open."""
        return answers_of(self, self.name)


def answers_of(moons: Moons, name: str) -> dict[str, tuple[Any, ...]]:
    client = moons.client
    experiment = client.get_experiment_by_name(name)
    found = client.search_runs(
        [experiment.experiment_id], "tags.`studyhall.kind` = 'trial'", max_results=1000
    )
    told = {
        run.data.tags["studyhall.trial"]: (
            run.info.status,
            run.data.params,
            run.data.metrics.get("value"),
            run.data.tags.get("studyhall.weights_sha256"),
        )
        for run in found
    }
    assert len(told) == len(found), _doubled(found)
    return told


def _doubled(runs: list[Any]) -> str:
    """What is told of the trials that have more than one run."""
    times = Counter(run.data.tags["studyhall.trial"] for run in runs)
    double = [run for run in runs if times[run.data.tags["studyhall.trial"]] > 1]
    told = [
        f"{run.info.run_id} {run.info.status} {run.info.start_time}-{run.info.end_time} "
        f"{run.data.tags}"
        for run in double
    ]
    return "\n".join(["trials that have two runs:", *told])


def launched(study: OnCluster, told: Told | None = None, **chosen: Any) -> StudySummary:
    """Launch the study; what is chosen is the study's own."""
    return launch(study.long(**chosen), study.options(), told or Told())


def require_whole(study: OnCluster, undisturbed: Answers) -> None:
    assert study.answers() == undisturbed
    assert examine(study.name, Options(**study.places)).found == ()


def run_of_study(study: OnCluster) -> Any:
    experiment = study.client.get_experiment_by_name(study.name)
    [run] = study.client.search_runs([experiment.experiment_id], "tags.`studyhall.kind` = 'study'")
    return run
