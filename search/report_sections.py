"""What a report says of a study, section by section, from plain values alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from search.live_view import counted, shown
from search.report_figures import Figure
from search.report_judgement import finals_section, readings_section, verdict_section
from search.report_parts import Cell, Gallery, Link, Part, Picture, Section, Table, Words
from search.report_setting import cost_section, environment_section, reproduction_section
from search.study_facts import StudyFacts
from search.trial_rows import TrialRow, best_first

CURVES = "learning_curves"


def report_sections(
    facts: StudyFacts, figures: Sequence[Figure] = (), layers: Mapping[int, bytes] | None = None
) -> list[Section]:
    """Put together what a report says.

    Args:
        facts: The study.
        figures: Its figures, if they can be shown.
        layers: JPEG files of the trials' first layers by number, if they can be shown.
    """
    sections = [
        _summary(facts),
        _best(facts),
        _figures(facts, [figure for figure in figures if figure.name != CURVES]),
        _curves([figure for figure in figures if figure.name == CURVES]),
        _gallery(facts, layers or {}),
        finals_section(facts),
        verdict_section(facts),
        readings_section(facts),
        _trials(facts),
        cost_section(facts),
        environment_section(facts),
        reproduction_section(facts),
    ]
    return [section for section in sections if section.parts]


def trial_link(facts: StudyFacts, number: int, text: str | None = None) -> Cell:
    """A trial's number, which leads to its run where MLflow has a server."""
    address = facts.tracked.address_of(number) if facts.tracked else None
    text = text or str(number)
    return Link(text, address) if address else text


def _summary(facts: StudyFacts) -> Section:
    parts: list[Part] = [Words(sentence) for sentence in summary_words(facts)]
    if facts.tracked and (address := facts.tracked.address()):
        parts.append(Words(Link("The study in MLflow", address)))
    return Section("summary", "Summary", parts)


def summary_words(facts: StudyFacts) -> Iterator[str]:
    """Yield a study in a few sentences."""
    summary, spec = facts.summary, facts.spec
    study, data = spec.study, spec.data_settings
    aim = "highest" if study.direction == "maximize" else "lowest"
    pruner = "no pruner" if study.pruner == "none" else f"the pruner {study.pruner}"
    yield (
        f"The study searched {', '.join(spec.search_space)} with the sampler {study.sampler} and "
        f"{pruner}, seed {study.seed}, for the {aim} {study.metric} on {data.name}: "
        f"{data.train:,} training and {data.validation:,} validation examples."
    )
    yield (
        f"{summary.finished} of {counted(summary.wanted, 'trial')} have finished: "
        f"{summary.complete} complete, {summary.pruned} pruned, {summary.failed} failed"
        f"{f'; {summary.unfinished} unfinished' if summary.unfinished else ''}."
    )
    if summary.best is None:
        yield "No trial has completed, so there is no best one; the reasons are below."
    else:
        best = summary.best
        yield f"The best is trial {best.number}, with a {summary.metric} of {best.value:.4f}."
    if facts.tracked is None:
        yield "MLflow has no run of this study here, so what only MLflow keeps is missing."
    elif facts.tracked.verdict is None:
        yield f"It was not judged on the test split yet: studyhall evaluate {summary.name}."
    else:
        found = facts.tracked.verdict.evaluation
        low, high = found.interval
        yield (
            f"On the test split its champion is right about {found.accuracy:.2%} of "
            f"{found.examples:,} examples (95 % interval {low:.2%} to {high:.2%})."
        )


def _best(facts: StudyFacts) -> Section:
    best = facts.summary.best
    if best is None:
        return Section("best", "Best parameters", [])
    rows: list[Sequence[Cell]] = [[name, shown(value)] for name, value in best.parameters.items()]
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


def _gallery(facts: StudyFacts, layers: Mapping[int, bytes]) -> Section:
    if not layers:
        return Section("gallery", "First layers", [])
    ranked = [row for row in best_first(list(facts.trials), facts.spec) if row.number in layers]
    tiles = [(_tile(row, layers[row.number]), _caption(facts, row)) for row in ranked]
    words = (
        "What the first hidden units of each trial look for: their weights as images, each from "
        "its lowest (dark) to its highest. The best trial is first; pruned ones are last. The "
        "whole layers are with the trials' runs in MLflow, as first_layer.png."
    )
    begun = sum(row.weights_sha256 is not None for row in facts.trials)
    if len(tiles) < begun:
        words += f" {len(tiles)} of {begun} trials that left weights are shown."
    return Section("gallery", "First layers", [Words(words), Gallery(tiles)])


def _tile(row: TrialRow, content: bytes) -> Picture:
    return Picture(content, "jpeg", f"First-layer weights of trial {row.number}")


def _caption(facts: StudyFacts, row: TrialRow) -> Cell:
    value = "" if row.value is None else f" {row.value:.4f}"
    state = "" if row.state == "complete" else f" {row.state}"
    return trial_link(facts, row.number, f"{row.number}:{value}{state}")


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
    given = [shown(row.parameters[name]) if name in row.parameters else "" for name in names]
    rest = [str(row.epochs), f"{row.seconds:.1f}", row.reason or ""]
    return [trial_link(facts, row.number), row.state, value, *given, *rest]
