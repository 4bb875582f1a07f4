"""The facts about a study that reports and comparisons show, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.summary import StudySummary
from studyhall.search.study.trial_result import TrialResult
from studyhall.search.tracking.ledger import Ledger
from studyhall.search.tracking.mlflow_ui import run_route, ui_address
from studyhall.search.tracking.tracked_run import TrackedRun


@dataclass(frozen=True)
class EvaluationFacts:
    """An evaluation of a study's champion on the test set.

    Attributes:
        version: The registered version that was evaluated.
        model: The name of that version's run.
        run_id: The run that records the evaluation.
        when: When the evaluation began, in UTC.
        examples: The number of test examples.
        correct: The number of correctly classified ones.
        accuracy: The share of correctly classified ones.
        interval: The Wilson interval of the accuracy at 95 %.
        gap: The validation accuracy minus the test accuracy, if it is known.
        accuracy_by_class: The accuracy on the examples of each class.
        classes: The classes in the order of `confusion`.
        confusion: Counts, (classes, classes): row = true class, column = predicted class.
        mistakes: The wrong predictions with the highest probability: the example's index, its
            class, the predicted class and its probability.
        images: PNG files by name.
    """

    version: str
    model: str
    run_id: str
    when: datetime
    examples: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    gap: float | None
    accuracy_by_class: Mapping[str, float]
    classes: Sequence[str]
    confusion: Sequence[Sequence[int]]
    mistakes: Sequence[tuple[int, str, str, float]]
    images: Mapping[str, bytes]


@dataclass(frozen=True)
class ChampionFacts:
    """The registered version that is a study's champion now, and the run that trained it.

    `selected_by` is one of `SelectedBy` in `studyhall.search.study.champion_choice`.
    """

    version: str
    run_id: str
    selected_by: str


@dataclass(frozen=True)
class FinalistsFacts:
    """How many finalists were retrained with how many seeds, and each training that was begun."""

    configurations: int
    seeds: int
    trainings: Sequence[TrialResult]


@dataclass(frozen=True)
class TrackedFacts:
    """What MLflow records of a study.

    Attributes:
        uri: MLflow's address, without a password.
        experiment_id: The study's experiment.
        run_id: The study's own run.
        runs: The run of each trial, by number.
        environment: Code, machine and libraries, by name.
        blas_threads: The BLAS threads of each worker.
        evaluation: The last evaluation of the champion, or else of an earlier champion, if any.
        ledger: Every evaluation on the test set, by this study and by others.
        champion: The registered champion; None if it is not a model of this study.
    """

    uri: str
    experiment_id: str
    run_id: str
    runs: Mapping[int, TrackedRun]
    environment: Mapping[str, str]
    blas_threads: int
    evaluation: EvaluationFacts | None = None
    ledger: Ledger = field(default_factory=Ledger)
    champion: ChampionFacts | None = None

    @property
    def outdated(self) -> str | None:
        """A note on an evaluation that is not of the current champion; None if it is."""
        if self.evaluation is None or self.champion is None:
            return None
        evaluated, current = self.evaluation.version, self.champion.version
        if evaluated == current:
            return None
        return (
            f"version {evaluated}, no longer the champion; the champion (version {current}) "
            "has not been evaluated"
        )

    def address(self, run_id: str | None = None, experiment_id: str = "") -> str | None:
        """The address of a run's page in MLflow's UI; None if MLflow has no server.

        Args:
            run_id: The run; by default the study's.
            experiment_id: Its experiment; by default the study's.
        """
        if not self.uri.startswith(("http://", "https://")):
            return None
        route = run_route(experiment_id or self.experiment_id, run_id or self.run_id)
        return f"{ui_address(self.uri)}/{route}"

    def address_of(self, number: int) -> str | None:
        """The address of a trial's page in MLflow's UI; None without a server or a run."""
        run = self.runs.get(number)
        return self.address(run.run_id) if run else None


@dataclass(frozen=True)
class StudyFacts:
    """A recorded study.

    Attributes:
        spec: The study file.
        summary: Its counts of trials, its best trial, and its finalists if they were retrained.
        fingerprint: The fingerprint of its data; None in records from before it was recorded.
        trials: Every trial that was begun, in the order of their numbers.
        tracked: What MLflow records of it; None if MLflow has no run of it.
        finalists: The trainings of its finalists; None if there were none.
    """

    spec: StudySpec
    summary: StudySummary
    fingerprint: str | None
    trials: Sequence[TrialResult]
    tracked: TrackedFacts | None = None
    finalists: FinalistsFacts | None = None

    @property
    def blas_threads(self) -> int:
        """The BLAS threads of each worker; 1 if MLflow does not record it."""
        return self.tracked.blas_threads if self.tracked else 1

    def trainings(self) -> dict[str, list[TrialResult]]:
        """The trials by state; the trainings of finalists are under `finalists`."""
        found: dict[str, list[TrialResult]] = {}
        for row in self.trials:
            found.setdefault(row.state, []).append(row)
        if self.finalists:
            found["finalists"] = list(self.finalists.trainings)
        return found

    def untimed(self) -> int:
        """The number of trainings of unknown time: they did not end, or crashed the worker."""
        return sum(row.seconds is None for rows in self.trainings().values() for row in rows)

    def core_seconds(self) -> dict[str, float]:
        """The known training time times BLAS threads, by the state of `trainings`."""
        return {
            state: sum(row.seconds or 0.0 for row in rows) * self.blas_threads
            for state, rows in self.trainings().items()
        }
