"""The finalists of a search: which they are, and the results of training them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from optuna.trial import FrozenTrial, TrialState

from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import (
    FinalistsSection,
    FinalistsSpec,
    Retraining,
    StudySpec,
    finalists_name,
)
from studyhall.search.study.finals_facts import Finalist, Finals, FinalsProgress, Retrained
from studyhall.search.study.studies import recorded_finalists
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary

_WINDOW = 1000  # so large that no finalist looks back on another
_Training: TypeAlias = tuple[Retraining, FrozenTrial]
_REPETITION = "repeat"  # trials that differ only in this parameter share a configuration


def chosen(study: Study, configurations: int) -> list[FrozenTrial]:
    """The best configurations of a search, the best first, and the earlier of equals.

    Args:
        study: The search.
        configurations: How many; fewer if fewer have completed.
    """
    rank = study.spec.study.rank
    complete = [t for t in study.trials() if t.state is TrialState.COMPLETE]
    ranked = sorted(complete, key=lambda t: (rank(t.value), t.number))
    distinct: dict[tuple[tuple[str, Scalar], ...], FrozenTrial] = {}
    for trial in ranked:
        distinct.setdefault(_configuration(trial), trial)
    return list(distinct.values())[:configurations]


def finalists_spec(
    search: StudySpec,
    trials: Sequence[FrozenTrial],
    wanted: FinalistsSection,
    recorded: StudySpec | None,
) -> FinalistsSpec:
    """The study that trains finalists again.

    Trainings of an earlier choice of finalists keep their places, so that none is repeated.

    Args:
        search: The search's study.
        trials: The finalists, as `chosen` names them.
        wanted: How many seeds to train each from.
        recorded: The finalists' study as it was recorded, if it was.
    """
    before = recorded.retrainings if isinstance(recorded, FinalistsSpec) else ()
    known = {(one.trial, one.seed) for one in before}
    new = [
        Retraining(trial=trial.number, seed=seed, parameters=dict(trial.params))
        for seed in range(1, wanted.seeds + 1)
        for trial in trials
        if (trial.number, seed) not in known
    ]
    retrainings = (*before, *new)
    study = search.study.model_copy(
        update={
            "name": finalists_name(search.study.name),
            "trials": len(retrainings),
            "window": _WINDOW,
            "sampler": "random",
            "pruner": "none",
        }
    )
    values = {name: getattr(search, name) for name in type(search).model_fields}
    values |= {"study": study, "enqueue": (), "finalists": wanted}
    return FinalistsSpec(**values, search=search.study.name, retrainings=retrainings)


def with_finals(summary: StudySummary, search: Study) -> StudySummary:
    """A search's summary, with the results of its finalists and how many trainings are left."""
    if isinstance(search.spec, FinalistsSpec):  # it has the search's section, but no finalists
        return summary
    study, finals = recorded_finalists(search), recorded_finals(search)
    done = finals is not None and finals.current
    pending = search.spec.finalists is not None and summary.best is not None and not done
    progress = _progress(study, search)
    return replace(summary, finals=finals, finals_pending=pending, finals_progress=progress)


def _progress(study: Study | None, search: Study) -> FinalsProgress | None:
    """How many trainings of the present best trials have ended; None if none is wanted."""
    usual = search.spec.finalists
    wanted = study.spec.finalists if study else usual
    best = chosen(search, wanted.configurations) if wanted else []
    if wanted is None or not best:
        return None
    if study is None and not search.is_whole():
        return FinalsProgress(0, wanted.configurations * wanted.seeds, None)  # the search is first
    trainings = _trainings(study) if study else []
    done = sum(len(_ended(trial, trainings, wanted.seeds)) for trial in best)
    command = f"studyhall finalists {search.spec.study.name}"
    if wanted != (usual or FinalistsSection()):
        command += f" --configurations {wanted.configurations} --seeds {wanted.seeds}"
    count = len(best) * wanted.seeds
    return FinalsProgress(done, count, command if done < count else None)


def recorded_finals(search: Study) -> Finals | None:
    """The results of a search's finalists; None while none of them is trained again."""
    study = recorded_finalists(search)
    spec = study.spec if study else None
    if study is None or not isinstance(spec, FinalistsSpec) or spec.finalists is None:
        return None
    seeds, ranked = spec.finalists.seeds, chosen(search, len(search.trials()))
    trainings, named = _trainings(study), {one.trial for one in spec.retrainings}
    trained = {
        trial.number: finalist
        for trial in ranked
        if trial.number in named and (finalist := _finalist(trial, trainings, seeds)) is not None
    }
    best = [trial.number for trial in ranked[: spec.finalists.configurations]]
    current = all(number in trained for number in best)
    considered = [trained[number] for number in best] if current else list(trained.values())
    if not considered:
        return None
    found = [one for one in considered if one.retrained]
    rank = spec.study.rank
    return Finals(
        study=spec.study.name,
        metric=spec.study.metric,
        direction=spec.study.direction,
        seeds=seeds,
        finalists=tuple(sorted(found, key=lambda one: (one.failed, rank(one.mean), one.trial))),
        leader=considered[0].trial,
        diverged=tuple(one.trial for one in considered if not one.retrained),
        current=current,
    )


def _trainings(study: Study) -> list[_Training]:
    """What a study of finalists trains again, each beside its trial, as far as they are begun."""
    spec = study.spec
    again = spec.retrainings if isinstance(spec, FinalistsSpec) else ()
    return list(zip(again, study.trials(), strict=False))


def _ended(trial: FrozenTrial, trainings: Sequence[_Training], seeds: int) -> list[_Training]:
    """The fresh trainings of a trial of the search that have ended."""
    return [
        (one, training)
        for one, training in trainings
        if one.trial == trial.number and one.seed <= seeds and training.state.is_finished()
    ]


def _finalist(trial: FrozenTrial, trainings: Sequence[_Training], seeds: int) -> Finalist | None:
    """A trial of the search with its fresh trainings; None if not all of them have ended."""
    own = _ended(trial, trainings, seeds)
    if len(own) < seeds:
        return None
    complete = [
        Retrained(training.number, one.seed, float(training.value or 0.0))
        for one, training in own
        if training.state is TrialState.COMPLETE
    ]
    return Finalist(
        trial=trial.number,
        value=float(trial.value or 0.0),
        parameters=dict(trial.params),
        retrained=tuple(complete),
        failed=len(own) - len(complete),
    )


def _configuration(trial: FrozenTrial) -> tuple[tuple[str, Scalar], ...]:
    return tuple((n, v) for n, v in sorted(trial.params.items()) if n != _REPETITION)
