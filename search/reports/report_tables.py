"""The rows of a report's tables, as text in which numbers are rounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from studyhall.search.common.words import format_value
from studyhall.search.reports.study_facts import EvaluationFacts, StudyFacts, TrackedFacts
from studyhall.search.study.finals_facts import Finalist
from studyhall.search.study.trial_result import TrialResult, best_first
from studyhall.search.tracking.ledger import Reading


@dataclass(frozen=True)
class Link:
    """A text that leads to an address."""

    text: str
    address: str


Cell = str | Link
Rows = list[list[Cell]]


def best_parameters(facts: StudyFacts) -> Rows:
    """The name and value of each parameter of the best trial."""
    best = facts.summary.best
    return [[name, format_value(value)] for name, value in best.parameters.items()] if best else []


def trials(facts: StudyFacts) -> Rows:
    """Every trial from the best to the worst: its state, value, parameters, epochs and seconds."""
    return [_trial(facts, row) for row in best_first(list(facts.trials), facts.spec)]


def _trial(facts: StudyFacts, row: TrialResult) -> list[Cell]:
    names = facts.spec.search_space
    given = [format_value(row.parameters[name]) if name in row.parameters else "" for name in names]
    seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
    trial = _trial_link(facts, row.number)
    return [trial, row.state, _fixed(row.value), *given, str(row.epochs), seconds, row.reason or ""]


def failures(facts: StudyFacts) -> Rows:
    """How often trials failed for each reason, the most frequent first."""
    counts = Counter(row.reason or "" for row in facts.trials if row.state == "failed")
    return [[str(count), reason] for reason, count in counts.most_common()]


def gallery(facts: StudyFacts, layers: Mapping[int, bytes]) -> Iterator[tuple[bytes, str, Cell]]:
    """Yield the image of each first layer, its description and its caption, the best trial first.

    Args:
        facts: The study.
        layers: JPEG files by trial.
    """
    for row in best_first(list(facts.trials), facts.spec):
        if content := layers.get(row.number):
            value = "" if row.value is None else f" {row.value:.4f}"
            state = "" if row.state == "complete" else f" {row.state}"
            caption = _trial_link(facts, row.number, f"{row.number}:{value}{state}")
            yield content, f"First-layer weights of trial {row.number}", caption


def finalists(facts: StudyFacts) -> Rows:
    """Each finalist's value in the search, its mean with fresh seeds, and their spread."""
    finals = facts.summary.finals
    return [_finalist(facts, one) for one in finals.finalists] if finals else []


def _finalist(facts: StudyFacts, one: Finalist) -> list[Cell]:
    numbers = one.value, one.mean, one.deviation, min(one.values), max(one.values)
    given = ", ".join(f"{name} {format_value(value)}" for name, value in one.parameters.items())
    return [_trial_link(facts, one.trial), *map(_fixed, numbers), str(one.failed), given]


def accuracy_by_class(evaluation: EvaluationFacts) -> Rows:
    """The share of each class's test examples that was classified correctly."""
    return [[name, f"{share:.3f}"] for name, share in evaluation.accuracy_by_class.items()]


def confusion(evaluation: EvaluationFacts) -> Rows:
    """For each class, how many of its examples were taken for each of the classes."""
    counts = zip(evaluation.classes, evaluation.confusion, strict=True)
    return [[name, *map(str, row)] for name, row in counts]


def mistakes(evaluation: EvaluationFacts) -> Rows:
    """The index, the class, the predicted class and its probability of some wrong predictions."""
    return [
        [str(index), true, predicted, f"{probability:.1%}"]
        for index, true, predicted, probability in evaluation.mistakes
    ]


def evaluations(tracked: TrackedFacts, found: Sequence[Reading]) -> Rows:
    """When, by whom and of which model each test evaluation was, and its result."""
    return [_evaluation(tracked, one) for one in found]


def _evaluation(tracked: TrackedFacts, one: Reading) -> list[Cell]:
    address = tracked.address(one.run_id, one.experiment_id)
    model: Cell = Link(one.model, address) if address else one.model
    interval = f"{one.interval[0]:.4f} to {one.interval[1]:.4f}" if one.interval else ""
    count = one.incomplete or f"{one.examples:,}"
    when, data = f"{one.when:%Y-%m-%d %H:%M}", one.fingerprint[:12]
    return [when, one.who, one.reader, model, count, _fixed(one.accuracy), interval, data]


def costs(facts: StudyFacts) -> Rows:
    """The core-seconds that training took, by the state of the trials, and of all together."""
    spent, trainings = facts.core_seconds(), facts.trainings()
    states = ("complete", "pruned", "failed", "unfinished", "finalists")
    rows = [_cost(name, trainings[name], spent[name]) for name in states if name in trainings]
    every = [row for found in trainings.values() for row in found]
    return [*rows, _cost("all", every, sum(spent.values()))]


def _cost(state: str, rows: Sequence[TrialResult], spent: float) -> list[Cell]:
    known = sum(row.seconds is not None for row in rows)
    costs = [f"{spent:,.1f}", f"{spent / known:,.1f}"] if known else ["", ""]
    return [state, str(len(rows)), *costs]


def _trial_link(facts: StudyFacts, number: int, text: str | None = None) -> Cell:
    """A trial's number, or another text, which leads to its run where MLflow has a server."""
    address = facts.tracked.address_of(number) if facts.tracked else None
    text = text or str(number)
    return Link(text, address) if address else text


def _fixed(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
