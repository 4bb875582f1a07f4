"""Train the best trials of a search again from fresh seeds, and register the champion."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.common.words import counted
from studyhall.search.config.problems import problem_of
from studyhall.search.config.study_spec import FinalistsSection, finalists_name
from studyhall.search.runner.notebook_view import usual_observer
from studyhall.search.runner.runner import Runner, crown
from studyhall.search.study.champion_choice import best_of_search
from studyhall.search.study.finalists import chosen, finalists_spec
from studyhall.search.study.observer import Observer
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.recorded import open_recorded, summary_of
from studyhall.search.study.studies import identity_of, open_study, recorded_study
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary, summarize
from studyhall.search.sync.tracked_study import StudyWithData, TrackedStudy, track, with_data
from studyhall.search.tracking.mlflow_ui import pages_of
from studyhall.search.tracking.ownership import require_own
from studyhall.search.tracking.registry import Registered, registered_champion
from studyhall.search.tracking.study_runs import StudyRun, find_study_run
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.workers.pool import require_pool


def train_finalists(
    name: str,
    configurations: int | None = None,
    seeds: int | None = None,
    options: Options | None = None,
    observer: Observer | None = None,
) -> StudySummary:
    """Train the best of a recorded study again from fresh seeds, and register the champion.

    Trainings that an earlier call or a launch finished are kept.

    Args:
        name: The study.
        configurations: How many to train again; by default as the study file says, or 3.
        seeds: Fresh seeds for each; by default as the study file says, or 3.
        options: How to run them.
        observer: Follows the progress.

    Raises:
        UsageError: There is no such study, or none of its trials has completed.
        StudyhallError: The work failed; finished trials are kept, and a new call resumes.
    """
    options, observer = options or Options(), observer or usual_observer()
    require_pool(options, observer.note)
    search = open_recorded(name, options.address, writable=True)
    if search.search_id is not None:
        raise UsageError(f"{name}: is a study of finalists itself; name the search")
    if not chosen(search, 1):
        raise UsageError(summarize(search).no_best)
    wanted = _wanted(search.spec.finalists or FinalistsSection(), configurations, seeds)
    opened = with_data(search, options, observer)
    require_own(opened.client, identity_of(search.storage, name))
    return run_finals(opened, wanted, options, observer)


def _wanted(
    usual: FinalistsSection, configurations: int | None, seeds: int | None
) -> FinalistsSection:
    given = {"configurations": configurations, "seeds": seeds}
    values = {**usual.model_dump(), **{k: v for k, v in given.items() if v is not None}}
    try:
        return FinalistsSection(**values)
    except ValidationError as error:
        problems = [problem_of(details) for details in error.errors()]
        lines = (f"--{problem.path[0]}: {problem.rule}" for problem in problems)
        raise UsageError("\n".join(lines)) from None


def run_finals(
    opened: StudyWithData,
    wanted: FinalistsSection,
    options: Options,
    observer: Observer,
) -> StudySummary:
    """Train the missing finalists of a search; return the search's summary with them."""
    search, tracked = opened.study, _open(opened, wanted, options, observer)
    if (count := len(chosen(search, wanted.configurations))) < wanted.configurations:
        few = counted(count, "configuration")
        observer.note(f"only {few} completed, fewer than the {wanted.configurations} wanted")
    ended = Runner(tracked, options, observer, search).run()
    experiment_id = tracked.tracker.study_run.experiment_id
    identity = identity_of(search.storage, search.spec.study.name)
    champion = registered_champion(opened.client, identity)
    run_id = find_study_run(opened.client, experiment_id, search.study_id)
    uri, study = opened.client.tracking_uri, search.spec.study
    summary = summary_of(search)
    if run_id and summary.finals and summary.finals.all_diverged:
        run = StudyRun(uri, search.study_id, experiment_id, run_id, opened.data)
        champion = _crown_best_of_search(summary, search, Tracker(run, opened.client))
    return replace(
        summary,
        champion_version=champion.version if champion else None,
        pages=pages_of(uri, experiment_id, run_id, study, champion) if run_id else None,
        interrupted=ended.interrupted,
    )


@retry_while_disconnected
def _crown_best_of_search(
    summary: StudySummary, search: Study, tracker: Tracker
) -> Registered | None:
    """Register the best of the search, since all of its finalists diverged."""
    choice = best_of_search(summary.best, summary.finals, provisional=False)
    return crown(choice, search, tracker) if choice else None


@retry_while_disconnected
def _open(
    opened: StudyWithData, wanted: FinalistsSection, options: Options, observer: Observer
) -> TrackedStudy:
    """Open the finalists' study; launches that end together agree on one."""
    search = opened.study
    name = finalists_name(search.spec.study.name)
    with search.exclusive("start"):
        earlier = recorded_study(search.storage, name)
        if earlier and earlier.search_id != search.study_id:
            raise UsageError(
                f"{name}: another study has the name of these finalists; run the search under "
                "another name with --name"
            )
        best = chosen(search, wanted.configurations)
        spec = finalists_spec(search.spec, best, wanted, earlier.spec if earlier else None)
        study = open_study(search.storage, spec, opened.data.fingerprint, search)
    with search.exclusive("tracking"):
        return track(opened._replace(study=study), options, observer)
