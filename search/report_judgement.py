"""What a report says of finalists and of the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from search.finalists import Finalist, Finals
from search.live_view import counted, shown
from search.report_parts import Cell, Link, Part, Picture, Section, Table, Words, trial_link
from search.study_facts import StudyFacts, VerdictFacts


def finals_section(facts: StudyFacts) -> Section:
    """The finalists and how far their trainings differ."""
    finals = facts.summary.finals
    if finals is None:
        return Section("finalists", "Finalists", [])
    seeds = counted(finals.seeds, "fresh seed")
    yet = "" if finals.current else " Not all of the best that there are now are trained yet."
    words = f"The best trials were trained again from {seeds} each. {_luck(finals)}{yet}"
    head = ["trial", "searched", "mean", "deviation", "lowest", "highest", "failed", "parameters"]
    rows = [_finalist(facts, one) for one in finals.finalists]
    parts: list[Part] = [Words(words), Table(f"{finals.metric}, the best mean first", head, rows)]
    return Section("finalists", "Finalists", parts)


def _luck(finals: Finals) -> str:
    """How the best in the search did from fresh seeds, beside how far those differ anyway."""
    sign = 1 if finals.direction == "maximize" else -1
    best = max(finals.finalists, key=lambda one: (sign * one.value, -one.trial))
    if finals.optimism is None:
        return f"The best in the search, trial {finals.leader}, diverged from every fresh seed."
    by = f"{abs(finals.optimism):.4f}"
    if not float(by):
        told = "The best in the search did as well in its fresh trainings, on average"
    elif finals.optimism > 0:
        told = f"The best in the search was better by {by} than its fresh trainings are on average"
    else:
        told = f"The best in the search did better by {by} on average in its fresh trainings"
    if best.deviation is None:
        return f"{told}; with one of them, how far seeds differ is not known."
    count = len(best.values)
    return f"{told}; these {count} differ by a standard deviation of {best.deviation:.4f}."


def _finalist(facts: StudyFacts, one: Finalist) -> list[Cell]:
    deviation = "" if one.deviation is None else f"{one.deviation:.4f}"
    spread = [deviation, f"{min(one.values):.4f}", f"{max(one.values):.4f}", str(one.failed)]
    given = ", ".join(f"{name} {shown(value)}" for name, value in one.parameters.items())
    trial = trial_link(facts, one.trial)
    return [trial, f"{one.value:.4f}", f"{one.mean:.4f}", *spread, given]


def verdict_section(facts: StudyFacts) -> Section:
    """The champion on the test split: accuracy, confusions and mistakes."""
    verdict = facts.tracked.verdict if facts.tracked else None
    if verdict is None:
        return Section("verdict", "Test verdict", [])
    parts: list[Part] = [Words(_verdict_words(verdict))]
    if facts.tracked and (outdated := facts.tracked.outdated):
        parts.append(Words(f"That is {outdated}."))
    if facts.tracked and (address := facts.tracked.address(verdict.run_id)):
        parts.append(Words(Link("The evaluation in MLflow", address)))
    shares = [[name, f"{share:.3f}"] for name, share in verdict.accuracy_by_class.items()]
    parts.append(Table("Accuracy by class", ["class", "accuracy"], shares))
    for name, (caption, table) in _detail(verdict).items():
        if content := verdict.pictures.get(name):
            parts.append(Picture(content, "png", caption))
        if table.rows:
            parts.append(replace(table, folded=name in verdict.pictures))
    return Section("verdict", "Test verdict", parts)


def _detail(verdict: VerdictFacts) -> dict[str, tuple[str, Table]]:
    """The tables that say the same as the pictures, by the pictures' names."""
    confused = "Confusion matrix: true class by row, predicted class by column"
    counts = [
        [name, *map(str, row)] for name, row in zip(verdict.classes, verdict.confusion, strict=True)
    ]
    wrong = "The test examples about which the model was surest, and wrong"
    mistakes = [
        [str(index), true, predicted, f"{probability:.1%}"]
        for index, true, predicted, probability in verdict.mistakes
    ]
    head = ["example", "class", "taken for", "probability"]
    return {
        "confusion_matrix.png": (confused, Table(confused, ["", *verdict.classes], counts)),
        "mistakes.png": (wrong, Table(wrong, head, mistakes)),
    }


def _verdict_words(verdict: VerdictFacts) -> str:
    low, high = verdict.interval
    return (
        f"Version {verdict.version}, {verdict.model}: {verdict.correct:,} of "
        f"{verdict.examples:,} test examples right, an accuracy of {verdict.accuracy:.4f} "
        f"(95 % Wilson interval {low:.4f} to {high:.4f}), judged on "
        f"{verdict.when:%Y-%m-%d %H:%M} UTC.{_gap(verdict.gap)}"
    )


def _gap(gap: float | None) -> str:
    if gap is None:
        return ""
    how = "higher" if gap >= 0 else "lower"
    return f" Its accuracy on the validation examples is {how} by {abs(gap):.4f}."


def readings_section(facts: StudyFacts) -> Section:
    """Who read the test split, and when."""
    tracked = facts.tracked
    if tracked is None:
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
        data = one.fingerprint[:12]
        rows.append([when, one.who, one.reader, model, count, accuracy, interval, data])
    head = ["when", "who", "by", "model", "examples", "accuracy", "95 % interval", "data"]
    words = (
        f"The test split was read {'once' if len(rows) == 1 else f'{len(rows)} times'}. Whoever "
        "chooses by what it says, chooses by luck as well: each further reading is less of a test."
    )
    return Section("readings", "Readings of the test split", [Words(words), Table("", head, rows)])
