"""What a report says of finalists and of the test split."""

from __future__ import annotations

from collections.abc import Sequence

from search.live_view import counted, shown
from search.report_parts import Cell, Link, Part, Picture, Section, Table, Words
from search.study_facts import FinalistFacts, StudyFacts, VerdictFacts

_DESCRIPTIONS = {
    "confusion_matrix.png": "Confusion matrix: true class by row, predicted class by column",
    "mistakes.png": "The test examples about which the model was most confident and wrong",
}


def finals_section(facts: StudyFacts) -> Section:
    """The finalists and how far their trainings differ."""
    finals = facts.finals
    if finals is None or not finals.finalists:
        return Section("finalists", "Finalists", [])
    seeds = counted(finals.seeds, "fresh seed")
    words = (
        f"The best trials were trained again with {seeds} each. The search's best value was "
        f"{finals.optimism:.4f} better than the same settings did on average: so much of it was "
        "the luck of the best of many."
    )
    head = ["trial", "searched", "mean", "deviation", "lowest", "highest", "parameters"]
    table = Table(finals.metric, head, [_finalist(one) for one in finals.finalists])
    return Section("finalists", "Finalists", [Words(words), table])


def _finalist(one: FinalistFacts) -> list[Cell]:
    deviation = "" if one.deviation is None else f"{one.deviation:.4f}"
    extremes = [f"{min(one.values):.4f}", f"{max(one.values):.4f}"] if one.values else ["", ""]
    given = ", ".join(f"{name} {shown(value)}" for name, value in one.parameters.items())
    return [str(one.trial), f"{one.value:.4f}", f"{one.mean:.4f}", deviation, *extremes, given]


def verdict_section(facts: StudyFacts) -> Section:
    """The champion on the test split: accuracy, confusions and mistakes."""
    verdict = facts.tracked.verdict if facts.tracked else None
    if verdict is None:
        return Section("verdict", "Test verdict", [])
    parts: list[Part] = [Words(_verdict_words(verdict))]
    if facts.tracked and (address := facts.tracked.address(verdict.run_id)):
        parts.append(Words(Link("The evaluation in MLflow", address)))
    found = verdict.evaluation
    shares = [[name, f"{share:.3f}"] for name, share in found.accuracy_by_class.items()]
    parts.append(Table("Accuracy by class", ["class", "accuracy"], shares))
    pictures = verdict.pictures.items()
    parts += [Picture(content, "png", _DESCRIPTIONS[name]) for name, content in pictures]
    counts = [
        [name, *map(str, row)] for name, row in zip(found.classes, found.confusion, strict=True)
    ]
    caption = "Confusion matrix: true class by row, predicted class by column"
    folded = "confusion_matrix.png" in verdict.pictures
    parts.append(Table(caption, ["", *found.classes], counts, folded=folded))
    return Section("verdict", "Test verdict", parts)


def _verdict_words(verdict: VerdictFacts) -> str:
    found = verdict.evaluation
    low, high = found.interval
    of = "" if verdict.trial is None else f", trial {verdict.trial}"
    return (
        f"Version {verdict.version}{of}: {found.correct:,} of {found.examples:,} test examples "
        f"right, an accuracy of {found.accuracy:.4f} (95 % Wilson interval {low:.4f} to "
        f"{high:.4f}), judged on {verdict.when:%Y-%m-%d %H:%M} UTC."
    )


def readings_section(facts: StudyFacts) -> Section:
    """Who read the test split, and when."""
    tracked = facts.tracked
    if tracked is None or tracked.readings is None:
        return Section("readings", "Readings of the test split", [])
    if not tracked.readings:
        return Section("readings", "Readings of the test split", [Words("It was never read.")])
    rows: list[Sequence[Cell]] = []
    for one in tracked.readings:
        address = tracked.address(one.run_id)
        model: Cell = Link(one.model, address) if address else one.model
        low, high = one.interval or (None, None)
        interval = "" if low is None else f"{low:.4f} to {high:.4f}"
        accuracy = "" if one.accuracy is None else f"{one.accuracy:.4f}"
        count = "" if one.examples is None else f"{one.examples:,}"
        when = f"{one.when:%Y-%m-%d %H:%M}"
        rows.append([when, one.who, one.reader, model, count, accuracy, interval])
    head = ["when", "who", "by", "model", "examples", "accuracy", "95 % interval"]
    words = (
        f"The test split was read {counted(len(rows), 'time')}. Each further reading makes its "
        "figure a little less of a surprise, and a little less of a test."
    )
    return Section("readings", "Readings of the test split", [Words(words), Table("", head, rows)])
