"""The summary of a study: how many trials it has, by state, and the best of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from studyhall.search.common.pages import Pages
from studyhall.search.config.section import Scalar
from studyhall.search.study.claim import claim_of
from studyhall.search.study.study import Study

if TYPE_CHECKING:
    from studyhall.search.study.finals_facts import Finals, FinalsProgress


@dataclass(frozen=True)
class Best:
    """The best completed trial of a study."""

    number: int
    value: float
    parameters: dict[str, Scalar]


@dataclass(frozen=True)
class StudySummary:
    """How many trials a study wants and has, by state, and the best of them.

    Attributes:
        name: The study.
        metric: The metric that it optimizes.
        wanted: How many trials it is to have; more that have finished count as well.
        complete: How many completed.
        pruned: How many were pruned.
        failed: How many failed.
        unfinished: How many run now or were interrupted.
        seconds: The training time of all finished trials together.
        best: The best completed trial.
        finals: The results of its finalists, as far as they are trained again.
        finals_pending: Whether its study file asks for more trainings of finalists.
        finals_progress: How many of these trainings are done and wanted.
        champion_version: The version of the registered model.
        pages: The addresses of the study's pages in MLflow's UI.
        interrupted: Whether the user stopped the launch.
        at_work: The machines that train a trial now, by the trial's number.
        trouble: The error that stopped or ended a detached launch.
    """

    name: str
    metric: str
    wanted: int
    complete: int
    pruned: int
    failed: int
    unfinished: int
    seconds: float
    best: Best | None
    finals: Finals | None = None
    finals_pending: bool = False
    finals_progress: FinalsProgress | None = None
    champion_version: str | None = None
    pages: Pages | None = None
    interrupted: bool = False
    at_work: dict[int, str] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def no_best(self) -> str:
        """Why there is no best trial, and what to do."""
        if self.finished < self.wanted:
            return f"{self.name}: no trial has completed yet; launch the study again"
        return (
            f"{self.name}: none of its trials completed ({self.pruned} pruned, {self.failed} "
            "failed); `studyhall ui` shows the reasons; change the study file, such as its "
            "learning rates, and launch it with --fresh"
        )

    @property
    def finished(self) -> int:
        """How many trials have ended, in any state."""
        return self.complete + self.pruned + self.failed

    def to_dict(self) -> dict[str, object]:
        """The summary for JSON."""
        values = {**asdict(self), "finished": self.finished}
        values["finals"] = self.finals.to_dict() if self.finals else None
        for name in ("champion_version", "pages", "trouble"):  # unknown, or none
            if values[name] is None:
                del values[name]
        return values


def summarize(study: Study) -> StudySummary:
    """Count the trials that a study wants, and name the best of all that it has.

    Of trials beyond these, which a launch with a greater number left, the finished ones count.
    """
    every, first, best = study.trials(), study.spec.study.trials, study.best()
    more = [trial for trial in every[first:] if trial.state.is_finished()]
    trials = [*every[:first], *more]
    counts = {state: sum(t.state is state for t in trials) for state in TrialState}
    begun = [trial for trial in trials if claim_of(trial) is not None]
    return StudySummary(
        name=study.spec.study.name,
        metric=study.spec.study.metric,
        wanted=first + len(more),
        complete=counts[TrialState.COMPLETE],
        pruned=counts[TrialState.PRUNED],
        failed=counts[TrialState.FAIL],
        unfinished=sum(trial.state is TrialState.RUNNING for trial in begun),
        seconds=round(sum(t.user_attrs.get("seconds", 0.0) for t in trials), 1),
        best=Best(best.number, float(best.value or 0.0), dict(best.params)) if best else None,
        at_work=study.at_work(),
        trouble=study.trouble,
    )
