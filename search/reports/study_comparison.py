"""Two recorded studies side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from studyhall.search.common.words import format_value
from studyhall.search.config.section import Scalar
from studyhall.search.reports.recorded_facts import read_recorded
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.finals_facts import Finals
from studyhall.search.study.studies import Difference, spec_differences
from studyhall.search.study.trial_result import best_first


@dataclass(frozen=True)
class StudyResult:
    """The results of one study.

    Attributes:
        name: The study.
        states: The number of trials by state.
        metric: The metric that selects the best trial.
        best_trial: The best completed trial, if any.
        best_value: The metric of that trial.
        parameters: The parameters of that trial.
        finalists: The mean of each finalist's retrainings by trial, best first; None if all of a
            finalist's retrainings diverged.
        test: The accuracy on the test set with the ends of its 95 % interval, if it was evaluated.
        core_seconds: The training time by the state of the trials, and of the finalists.
        outdated: A note on `test` if that is not of the current champion.
    """

    name: str
    states: dict[str, int]
    metric: str
    best_trial: int | None
    best_value: float | None
    parameters: dict[str, Scalar]
    finalists: dict[int, float | None]
    test: tuple[float, float, float] | None
    core_seconds: dict[str, float]
    outdated: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Two studies side by side.

    Attributes:
        studies: The results of each.
        incomparable: The reasons why their values cannot be compared; empty if they can.
        differences: The keys in which their study files differ.
        best_so_far: For each of several counts of trials, the count and the best value of either
            study among its first trials of that count.
    """

    studies: tuple[StudyResult, StudyResult]
    incomparable: tuple[str, ...]
    differences: tuple[Difference, ...]
    best_so_far: tuple[tuple[int, float | None, float | None], ...]

    def to_dict(self) -> dict[str, object]:
        """The comparison as JSON holds it."""
        differences = [
            {"key": one.key, "first": one.recorded, "second": one.given} for one in self.differences
        ]
        curve = [dict(zip(("trials", "first", "second"), r, strict=True)) for r in self.best_so_far]
        return {
            "comparable": not self.incomparable,
            **asdict(self),
            "differences": differences,
            "best_so_far": curve,
        }

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the rows of the printed table: a name, and the value of either study."""
        one, other = self.studies
        for state in dict.fromkeys((*one.states, *other.states)):
            yield f"trials {state}", *(str(s.states.get(state, 0)) for s in self.studies)
        yield "best value", *(_number(s.best_value) for s in self.studies)
        yield (
            "best trial",
            *("-" if s.best_trial is None else str(s.best_trial) for s in self.studies),
        )
        for name in dict.fromkeys((*one.parameters, *other.parameters)):
            given = (s.parameters.get(name) for s in self.studies)
            yield f"  {name}", *("-" if value is None else format_value(value) for value in given)
        if one.finalists or other.finalists:
            yield "finalists' means", *(_means(s.finalists) for s in self.studies)
        if one.test or other.test:
            yield "test accuracy", *(_interval(s.test) for s in self.studies)
        if one.outdated or other.outdated:
            yield "  of", *(_text(s.outdated) for s in self.studies)
        yield "core-seconds", *(f"{sum(s.core_seconds.values()):.1f}" for s in self.studies)
        for trials, *values in self.best_so_far:
            yield f"best of {trials} trials", *map(_number, values)
        for found in self.differences:
            yield found.key, _text(found.recorded), _text(found.given)


def compare_recorded(
    first: str, second: str, storage: Path | str | None = None, tracking_uri: str | None = None
) -> Comparison:
    """Compare two recorded studies by their names.

    Args:
        first: A study.
        second: Another.
        storage: The journal file or database with both; by default in the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: there is no such study, or its storage cannot be reached.
        StudyhallError: MLflow does not answer.
    """
    return compare_studies(
        *(read_recorded(name, storage, tracking_uri).facts for name in (first, second))
    )


def compare_studies(first: StudyFacts, second: StudyFacts) -> Comparison:
    """Compare two studies."""
    return Comparison(
        studies=(_result(first), _result(second)),
        incomparable=tuple(_incomparable(first, second)),
        differences=tuple(spec_differences(first.spec, second.spec)),
        best_so_far=tuple(_best_so_far(first, second)),
    )


def _result(facts: StudyFacts) -> StudyResult:
    states = {"complete": 0, "pruned": 0, "failed": 0}
    for row in facts.trials:
        states[row.state] = states.get(row.state, 0) + 1
    best, evaluation = facts.summary.best, facts.tracked.evaluation if facts.tracked else None
    return StudyResult(
        name=facts.summary.name,
        states=states,
        metric=facts.summary.metric,
        best_trial=best.number if best else None,
        best_value=best.value if best else None,
        parameters=dict(best.parameters) if best else {},
        finalists=_finalists(facts.summary.finals),
        test=(evaluation.accuracy, *evaluation.interval) if evaluation else None,
        core_seconds={state: round(s, 1) for state, s in facts.core_seconds().items()},
        outdated=facts.tracked.outdated if facts.tracked else None,
    )


def _finalists(finals: Finals | None) -> dict[int, float | None]:
    if finals is None:
        return {}
    diverged: dict[int, float | None] = dict.fromkeys(finals.diverged)
    return {one.trial: one.mean for one in finals.finalists} | diverged


def _incomparable(first: StudyFacts, second: StudyFacts) -> Iterator[str]:
    one, other = first.summary, second.summary
    if one.metric != other.metric:
        yield f"{one.name} selects by {one.metric}, and {other.name} by {other.metric}"
    if first.fingerprint != second.fingerprint:
        prints = [(facts.fingerprint or "not known")[:12] for facts in (first, second)]
        yield (
            f"{one.name} and {other.name} were run on different data or different splits of them "
            f"(fingerprints {prints[0]} and {prints[1]})"
        )


def _best_so_far(
    first: StudyFacts, second: StudyFacts
) -> Iterator[tuple[int, float | None, float | None]]:
    """Yield the best values after 1, 2, 5, 10, 20, 50 … trials, up to the smaller count of both."""
    common = min(len(first.trials), len(second.trials))
    counts = [step * 10**power for power in range(9) for step in (1, 2, 5)]
    for count in sorted({*(count for count in counts if count < common), common} - {0}):
        yield count, _best_of(first, count), _best_of(second, count)


def _best_of(facts: StudyFacts, count: int) -> float | None:
    ranked = best_first(list(facts.trials[:count]), facts.spec)
    return ranked[0].value if ranked and ranked[0].state == "complete" else None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _means(finalists: dict[int, float | None]) -> str:
    told = (
        f"{'diverged' if mean is None else f'{mean:.4f}'} (trial {n})"
        for n, mean in finalists.items()
    )
    return ", ".join(told) or "-"


def _interval(test: Sequence[float] | None) -> str:
    return "-" if test is None else f"{test[0]:.4f} ({test[1]:.4f} to {test[2]:.4f})"


def _text(value: object) -> str:
    return "-" if value is None else str(value)
