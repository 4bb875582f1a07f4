"""What a report says of finalists and of the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from studyhall.search.common.words import counted, format_value
from studyhall.search.reports.report_parts import (
    Cell,
    Link,
    Part,
    Picture,
    Section,
    Table,
    Words,
    trial_link,
)
from studyhall.search.reports.study_facts import StudyFacts, TrackedFacts, VerdictFacts
from studyhall.search.study.champion_choice import words_of
from studyhall.search.study.finals_facts import Finalist, Finals, FinalsProgress
from studyhall.search.tracking.ledger import Reading

_HEAD = ("trial", "searched", "mean", "deviation", "lowest", "highest", "failed", "parameters")


def finals_section(facts: StudyFacts) -> Section:
    """The finalists and how far their trainings differ."""
    finals, progress = facts.summary.finals, facts.summary.finals_progress
    parts: list[Part] = [Words(way_on(progress))] if progress and progress.to_go_on else []
    if finals:
        seeds = counted(finals.seeds, "fresh seed")
        parts.append(
            Words(f"The best trials were trained again from {seeds} each. {_luck(finals)}")
        )
        parts += [Words(f"Trial {n} diverged from every one of them.") for n in finals.diverged]
    if finals and finals.finalists:
        rows = [_finalist(facts, one) for one in finals.finalists]
        parts.append(Table(f"{finals.metric}, the best mean first", _HEAD, rows))
    return Section("finalists", "Finalists", parts)


def way_on(progress: FinalsProgress) -> str:
    """How far the finalists are trained, and how to go on with them."""
    return (
        f"{progress.done} of {progress.wanted} trainings of finalists from fresh seeds have ended; "
        f"{progress.to_go_on} goes on with them."
    )


def _luck(finals: Finals) -> str:
    """How the best in the search did from fresh seeds, beside how far those differ anyway."""
    if finals.all_diverged:
        return "Every training diverged, so that the best of the search stays the champion."
    if not finals.finalists:
        return "Every training of those that are trained so far diverged."
    best = finals.luckiest
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
    given = ", ".join(f"{name} {format_value(value)}" for name, value in one.parameters.items())
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
    elif facts.tracked and (champion := facts.tracked.champion):
        parts += [Words(words)] if (words := words_of(champion.selected_by)) else []
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
    own, others = tracked.ledger.own, tracked.ledger.others
    parts: list[Part] = [Words("This study never read it." if others else "It was never read.")]
    if own:
        parts = [Words(_times_read(len(own), len(others))), _readings(tracked, own, "")]
    if others:
        named = f"Readings of the same test split by other studies: {tracked.ledger.other_studies}"
        parts.append(_readings(tracked, others, named))
    return Section("readings", "Readings of the test split", parts)


def _times_read(own: int, others: int) -> str:
    times = "once" if own == 1 else f"{own} times"
    more = f", and {counted(others, 'time')} by other studies" if others else ""
    return (
        f"The test split was read {times}{more}. Whoever chooses by what it says, chooses by luck "
        "as well: each further reading is less of a test."
    )


def _readings(tracked: TrackedFacts, readings: Sequence[Reading], caption: str) -> Table:
    rows: list[Sequence[Cell]] = []
    for one in readings:
        address = tracked.address(one.run_id, one.experiment_id)
        model: Cell = Link(one.model, address) if address else one.model
        low, high = one.interval or (None, None)
        interval = "" if low is None else f"{low:.4f} to {high:.4f}"
        accuracy = "" if one.accuracy is None else f"{one.accuracy:.4f}"
        count = one.incomplete or f"{one.examples:,}"
        when = f"{one.when:%Y-%m-%d %H:%M}"
        data = one.fingerprint[:12]
        rows.append([when, one.who, one.reader, model, count, accuracy, interval, data])
    head = ["when", "who", "by", "model", "examples", "accuracy", "95 % interval", "data"]
    return Table(caption, head, rows)
