"""A study in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator

from studyhall.search.common.words import counted
from studyhall.search.config.study_spec import FinalistsSpec
from studyhall.search.reports.report_judgement import way_on
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.summary import StudySummary


def summary_words(facts: StudyFacts) -> Iterator[str]:
    """Yield what was searched, what came of it, and how far that can be trusted."""
    summary = facts.summary
    yield _aim(facts)
    yield (
        f"{summary.finished} of {summary.wanted} trials have finished: "
        f"{summary.complete} complete, {summary.pruned} pruned, {summary.failed} failed"
        f"{f'; {summary.unfinished} unfinished' if summary.unfinished else ''}."
    )
    if summary.best is None:
        yield "No trial has completed, so there is no best one."
    else:
        best = summary.best
        yield f"The best is trial {best.number}, with a {summary.metric} of {best.value:.4f}."
    yield from _finals(summary)
    yield from _judged(facts)


def _finals(summary: StudySummary) -> Iterator[str]:
    finals, progress = summary.finals, summary.finals_progress
    if finals and (winner := finals.winner):
        yield (
            f"Trained again from {counted(finals.seeds, 'fresh seed')}, trial {winner.trial} did "
            f"best of {counted(len(finals.trials), 'finalist')}: {winner.mean:.4f} on average."
        )
    elif finals and finals.all_diverged:
        yield (
            f"Trained again from {counted(finals.seeds, 'fresh seed')} each, all finalists "
            f"diverged ({len(finals.diverged)}); the best of the search stays the champion."
        )
    if progress and progress.to_go_on:
        yield way_on(progress)


def _aim(facts: StudyFacts) -> str:
    spec, study, data = facts.spec, facts.spec.study, facts.spec.data_settings
    examples = f"{data.train:,} training and {data.validation:,} validation examples"
    if isinstance(spec, FinalistsSpec):
        return (
            f"The best trials of the study {spec.search} were trained again from fresh seeds, on "
            f"{data.name}: {examples}."
        )
    aim = "highest" if study.direction == "maximize" else "lowest"
    pruner = "no pruner" if study.pruner == "none" else f"the pruner {study.pruner}"
    return (
        f"The study searched {', '.join(spec.search_space)} with the sampler {study.sampler} and "
        f"{pruner}, seed {study.seed}, for the {aim} {study.metric} on {data.name}: {examples}."
    )


def _judged(facts: StudyFacts) -> Iterator[str]:
    if facts.tracked is None:
        yield "MLflow has no run of this study here, so what only MLflow keeps is missing."
    elif verdict := facts.tracked.verdict:
        (low, high), outdated = verdict.interval, facts.tracked.outdated
        who = f"version {verdict.version}" if outdated else "its champion"
        yield (
            f"On the test split {who} is right about {verdict.accuracy:.2%} of "
            f"{verdict.examples:,} examples (95 % interval {low:.2%} to {high:.2%})."
        )
        if outdated:
            yield f"That is {outdated}; studyhall evaluate {facts.summary.name} judges it."
    elif facts.tracked.champion and not isinstance(facts.spec, FinalistsSpec):
        yield f"Its champion was not judged yet; studyhall evaluate {facts.summary.name} judges it."
