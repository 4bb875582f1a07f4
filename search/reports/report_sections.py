"""What a report says of a study, section by section, from plain values alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from studyhall.search.common.words import format_value
from studyhall.search.reports.report_gallery import gallery_section
from studyhall.search.reports.report_judgement import (
    finals_section,
    readings_section,
    verdict_section,
)
from studyhall.search.reports.report_parts import (
    Cell,
    Link,
    Part,
    Section,
    Table,
    Words,
    trial_link,
)
from studyhall.search.reports.report_setting import (
    cost_section,
    environment_section,
    reproduction_section,
)
from studyhall.search.reports.report_summary import summary_words
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.report_figures import Figure
from studyhall.search.study.trial_rows import TrialRow, best_first

CURVES = "learning_curves"


def report_sections(
    facts: StudyFacts,
    figures: Sequence[Figure] = (),
    layers: Mapping[int, bytes] | str | None = None,
) -> list[Section]:
    """Put together what a report says.

    Args:
        facts: The study.
        figures: Its figures, if they can be shown.
        layers: JPEG files of the trials' first layers by number, or why there are none; None
            where no pictures can be shown.
    """
    sections = [
        _summary(facts),
        _best(facts),
        _figures(facts, [figure for figure in figures if figure.name != CURVES]),
        _curves([figure for figure in figures if figure.name == CURVES]),
        *([] if layers is None else [gallery_section(facts, layers)]),
        finals_section(facts),
        verdict_section(facts),
        readings_section(facts),
        _trials(facts),
        cost_section(facts),
        environment_section(facts),
        reproduction_section(facts),
    ]
    return [section for section in sections if section.parts]


def _summary(facts: StudyFacts) -> Section:
    parts: list[Part] = [Words(sentence) for sentence in summary_words(facts)]
    if facts.tracked and (address := facts.tracked.address()):
        parts.append(Words(Link("The study in MLflow", address)))
    return Section("summary", "Summary", parts)


def _best(facts: StudyFacts) -> Section:
    best = facts.summary.best
    if best is None:
        return Section("best", "Best parameters", [])
    rows: list[Sequence[Cell]] = [
        [name, format_value(value)] for name, value in best.parameters.items()
    ]
    caption = f"Trial {best.number}: {facts.summary.metric} {best.value:.4f}"
    table = Table(caption, ["parameter", "value"], rows)
    return Section("best", "Best parameters", [table])


def _figures(facts: StudyFacts, figures: Sequence[Figure]) -> Section:
    missing = "There are no figures of the parameters: they need two completed trials that differ."
    parts: list[Part] = [*figures]
    if figures and len(figures) < 2:
        parts.append(Words(missing))
    return Section("search", "How the search went", parts)


def _curves(figures: Sequence[Figure]) -> Section:
    return Section("curves", "Learning curves", list(figures))


def _trials(facts: StudyFacts) -> Section:
    if not facts.trials:
        return Section("trials", "Trials", [Words("No trial was begun.")])
    parts: list[Part] = []
    failures = Counter(row.reason or "" for row in facts.trials if row.state == "failed")
    if failures:
        counts = [[str(count), reason] for reason, count in failures.most_common()]
        parts.append(Table("Why trials failed", ["trials", "reason"], counts))
    names = list(facts.spec.search_space)
    head = ["trial", "state", facts.summary.metric, *names, "epochs", "seconds", "reason"]
    ranked = best_first(list(facts.trials), facts.spec)
    rows = [_trial(facts, row, names) for row in ranked]
    parts.append(Table("All trials, best first", head, rows, folded=len(rows) > 10))
    return Section("trials", "Trials", parts)


def _trial(facts: StudyFacts, row: TrialRow, names: Sequence[str]) -> list[Cell]:
    value = "" if row.value is None else f"{row.value:.4f}"
    given = [format_value(row.parameters[name]) if name in row.parameters else "" for name in names]
    rest = [str(row.epochs), "" if row.seconds is None else f"{row.seconds:.1f}", row.reason or ""]
    return [trial_link(facts, row.number), row.state, value, *given, *rest]
