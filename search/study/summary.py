"""Where a study stands, in figures."""

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

    `unfinished` counts trials that run now or were interrupted; `seconds` is the training time of
    all finished trials together; `finals` say how its finalists did, as far as they are trained
    again, `finals_progress` how many of their trainings are done and wanted, and `finals_pending`
    whether its study file asks for more of them; `champion_version` is the registered model's
    version; `pages` say where all this is in MLflow's UI; `at_work` are the machines at the trials
    that are under way, and `trouble` what kept a detached launch from going on.
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
    def finished(self) -> int:
        """How many trials have ended, in whatever state."""
        return self.complete + self.pruned + self.failed

    def to_dict(self) -> dict[str, object]:
        """The summary as JSON holds it."""
        values = {**asdict(self), "finished": self.finished}
        values["finals"] = self.finals.to_dict() if self.finals else None
        for name in ("champion_version", "pages", "trouble"):  # not asked for, or none
            if values[name] is None:
                del values[name]
        return values


def summarize(study: Study) -> StudySummary:
    """Count the trials that a study wants, and name the best of all that it has."""
    trials, best = study.trials()[: study.spec.study.trials], study.best()
    counts = {state: sum(t.state is state for t in trials) for state in TrialState}
    begun = [trial for trial in trials if claim_of(trial) is not None]
    return StudySummary(
        name=study.spec.study.name,
        metric=study.spec.study.metric,
        wanted=study.spec.study.trials,
        complete=counts[TrialState.COMPLETE],
        pruned=counts[TrialState.PRUNED],
        failed=counts[TrialState.FAIL],
        unfinished=sum(trial.state is TrialState.RUNNING for trial in begun),
        seconds=round(sum(t.user_attrs.get("seconds", 0.0) for t in trials), 1),
        best=Best(best.number, float(best.value or 0.0), dict(best.params)) if best else None,
        at_work=study.at_work(),
        trouble=study.trouble,
    )
