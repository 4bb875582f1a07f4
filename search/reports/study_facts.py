"""All that a report or a comparison says of a study, in plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.summary import StudySummary
from studyhall.search.study.trial_rows import TrialRow
from studyhall.search.tracking.ledger import Ledger
from studyhall.search.tracking.mlflow_ui import run_route, ui_address


@dataclass(frozen=True)
class VerdictFacts:
    """The last evaluation of a study's champion on the test split.

    Attributes:
        version: The registered version that was judged.
        model: The name of its run.
        run_id: The run that records the evaluation.
        when: When it began, in UTC.
        examples: How many test examples were judged.
        correct: How many of them were classified correctly.
        accuracy: Their share.
        interval: Its Wilson interval at 95 %.
        gap: By how much it did better on the validation examples, if that is known.
        accuracy_by_class: The share of each class's examples classified correctly.
        classes: The classes in the order of `confusion`.
        confusion: Counts, row = true class, column = predicted.
        mistakes: The surest mistakes: the example's index, its class, the class that it was taken
            for and how probable that was found.
        images: PNG files, by their names.
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
class TrialRun:
    """A trial's run in MLflow, and where its files are."""

    run_id: str
    artifact_uri: str


@dataclass(frozen=True)
class ChampionFacts:
    """The version that is a study's champion now, the run that it is from, and who selected it.

    `selected_by` is what `studyhall.search.study.champion_choice` has it registered with.
    """

    version: str
    run_id: str
    selected_by: str


@dataclass(frozen=True)
class FinalistsFacts:
    """How the best of a search were trained again, and every such training that was begun."""

    configurations: int
    seeds: int
    trainings: Sequence[TrialRow]


@dataclass(frozen=True)
class TrackedFacts:
    """What MLflow has of a study.

    Attributes:
        uri: MLflow's address, without a password.
        experiment_id: The study's experiment.
        run_id: The study's own run.
        runs: The run of each trial, by number.
        environment: Code, machine and libraries, by name.
        blas_threads: The threads of a worker's matrix products.
        verdict: The champion's last evaluation, or else that of an earlier one; if there is one.
        ledger: Every reading of the test split, by this study and by others.
        champion: The registered champion; None if none of the study's models is.
    """

    uri: str
    experiment_id: str
    run_id: str
    runs: Mapping[int, TrialRun]
    environment: Mapping[str, str]
    blas_threads: int
    verdict: VerdictFacts | None = None
    ledger: Ledger = field(default_factory=Ledger)
    champion: ChampionFacts | None = None

    @property
    def outdated(self) -> str | None:
        """What to know of a verdict that is not on the champion; None of one that is."""
        if self.verdict is None or self.champion is None:
            return None
        judged, current = self.verdict.version, self.champion.version
        if judged == current:
            return None
        return (
            f"version {judged}, no longer the champion; the champion (version {current}) has not "
            "been evaluated"
        )

    def address(self, run_id: str | None = None, experiment_id: str = "") -> str | None:
        """The page of MLflow's UI about a run, or the study's run; None without a server.

        Args:
            run_id: The run; by default the study's.
            experiment_id: Its experiment; by default the study's.
        """
        if not self.uri.startswith(("http://", "https://")):
            return None
        route = run_route(experiment_id or self.experiment_id, run_id or self.run_id)
        return f"{ui_address(self.uri)}/{route}"

    def address_of(self, number: int) -> str | None:
        """The page of MLflow's UI about a trial; None without a server or a run."""
        run = self.runs.get(number)
        return self.address(run.run_id) if run else None


@dataclass(frozen=True)
class StudyFacts:
    """A recorded study.

    Attributes:
        spec: The study file.
        summary: Where it stands, and its finalists if they were trained again.
        fingerprint: That of its data; None in records of before there was one.
        trials: Every trial that was begun, in the order of their numbers.
        tracked: What MLflow has of it; None if that is nothing.
        finalists: How its best were trained again; None if they were not.
    """

    spec: StudySpec
    summary: StudySummary
    fingerprint: str | None
    trials: Sequence[TrialRow]
    tracked: TrackedFacts | None = None
    finalists: FinalistsFacts | None = None

    @property
    def blas_threads(self) -> int:
        """The threads of a worker's matrix products; 1 where it is not known otherwise."""
        return self.tracked.blas_threads if self.tracked else 1

    def trainings(self) -> dict[str, list[TrialRow]]:
        """The trials by the state that they ended in; `finalists` stand apart."""
        found: dict[str, list[TrialRow]] = {}
        for row in self.trials:
            found.setdefault(row.state, []).append(row)
        if self.finalists:
            found["finalists"] = list(self.finalists.trainings)
        return found

    def untimed(self) -> int:
        """How many trainings have no known time, as they did not end or crashed the worker."""
        return sum(row.seconds is None for rows in self.trainings().values() for row in rows)

    def core_seconds(self) -> dict[str, float]:
        """What training took, as far as that is known, by the state of `trainings`."""
        return {
            state: sum(row.seconds or 0.0 for row in rows) * self.blas_threads
            for state, rows in self.trainings().items()
        }
