"""A small study of points, launched in this process: no command line, nothing imported twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from studyhall import Options, StudySpec, StudySummary, launch
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import recorded_summaries, recorded_summary
from tests.mlflow_database import sqlite

SPEC = {
    "study": {"name": "moons", "trials": 6, "window": 3, "sampler": "random", "seed": 3},
    "data": {"name": "two_moons", "train": 200, "validation": 200},
    "network": {"hidden": ["hidden_size"]},
    "training": {"optimizer": "nesterov", "batch_size": 20, "epochs": 3},
    "search_space": {
        "hidden_size": {"type": "int", "low": 2, "high": 40, "log": True},
        "learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
    },
}


@dataclass(frozen=True)
class Moons:
    """The study in a folder of its own."""

    folder: Path

    def options(self, **chosen: Any) -> Options:
        return Options(**{"jobs": 1, **self.places, **chosen})

    @property
    def places(self) -> dict[str, Any]:
        return {"folder": self.folder, "tracking_uri": self.tracking_uri}

    @property
    def tracking_uri(self) -> str:
        return sqlite(self.folder)

    @property
    def storage(self) -> Path:
        return self.folder / "studyhall.journal"

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking_uri)

    def spec(self, finalists: dict[str, int] | None = None, **study: Any) -> StudySpec:
        table = {"finalists": finalists} if finalists is not None else {}
        return StudySpec.model_validate({**SPEC, "study": {**SPEC["study"], **study}, **table})

    def launch(
        self, finalists: dict[str, int] | None = None, *, study: Any = None, **chosen: Any
    ) -> StudySummary:
        """Launch the study; MLflow's files go where its database is."""
        return self.run(self.spec(finalists, **(study or {})), **chosen)

    def run(self, spec: StudySpec, observer: Observer | None = None, **chosen: Any) -> StudySummary:
        """Launch another study here."""
        return launch(spec, self.options(**chosen), observer)

    def summary(self, name: str = "moons") -> StudySummary:
        return recorded_summary(name, self.storage)

    @property
    def at_work(self) -> bool:
        """Whether a trial is under way; no study may have been recorded yet."""
        return any(summary.at_work for summary in recorded_summaries(self.storage))

    def runs(self, kind: str = "trial") -> list[Run]:
        experiment = self.client.get_experiment_by_name("moons")
        wanted = f"tags.`studyhall.kind` = '{kind}'"
        return list(self.client.search_runs([experiment.experiment_id], wanted, max_results=1000))

    @property
    def champion(self) -> Any:
        return self.client.get_model_version_by_alias("moons", "champion")
