"""The final round: the best of a search trained again from fresh seeds, before one is champion."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search.errors import UsageError
from search.finalists import chosen, finalists_name, finalists_spec, recorded_finals
from search.notebook_view import usual_observer
from search.observer import Observer
from search.options import Options
from search.pages import pages_of
from search.patience import patiently
from search.recorded import recorded_summary
from search.reopened import Opened, recorded
from search.runner import Runner
from search.storage import exclusive, open_storage
from search.studies import open_study, recorded_study, set_aside
from search.study_spec import FinalistsSection
from search.summary import StudySummary, summarize
from search.tracked_study import TrackedStudy, track
from search.tracking import find_study_run

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


def train_finalists(
    name: str,
    configurations: int | None = None,
    seeds: int | None = None,
    options: Options | None = None,
    observer: Observer | None = None,
) -> StudySummary:
    """Train the best of a recorded study again from fresh seeds, and register the champion.

    What an earlier call, or a launch, trained of them is kept.

    Args:
        name: The study.
        configurations: How many are trained again; by default as its study file says, or 3.
        seeds: From how many fresh seeds each; by default as its study file says, or 3.
        options: How to run them.
        observer: Who is told of the progress.

    Raises:
        UsageError: there is no such study, or none of its trials has completed.
        StudyhallError: the work failed; what finished is kept, and a new call goes on from there.
    """
    options, observer = options or Options(), observer or usual_observer()
    recorded_summary(name, options.address)  # before a storage is made where there is none
    storage = open_storage(options.address)
    opened = recorded(storage, name, options, observer)
    search = opened.study
    if search.search_id is not None:
        raise UsageError(f"{name}: is a study of finalists itself; name the search")
    if not chosen(search, 1):
        raise UsageError(f"{name}: no trial has completed, so there are no finalists; launch it on")
    given = {"configurations": configurations, "seeds": seeds}
    wanted = (search.spec.finalists or FinalistsSection()).model_copy(
        update={key: value for key, value in given.items() if value is not None}
    )
    return run_finals(opened, storage, wanted, options, observer)


def run_finals(
    opened: Opened,
    storage: BaseStorage,
    wanted: FinalistsSection,
    options: Options,
    observer: Observer,
) -> StudySummary:
    """Train what is missing of a search's finalists; return the search's summary with them."""
    search, tracked = opened.study, _open(opened, storage, wanted, options)
    ended = Runner(tracked, storage, options, observer, search).run()
    experiment_id, version = tracked.tracker.study_run.experiment_id, ended.champion_version
    run_id = find_study_run(opened.client, experiment_id, search.study_id)
    uri, name = opened.client.tracking_uri, search.spec.study.name
    return replace(
        summarize(search),
        finals=recorded_finals(storage, search),
        champion_version=version,
        pages=pages_of(uri, experiment_id, run_id, name, version) if run_id else None,
        interrupted=ended.interrupted,
    )


@patiently
def _open(
    opened: Opened, storage: BaseStorage, wanted: FinalistsSection, options: Options
) -> TrackedStudy:
    """Open the finalists' study; launches that end together agree on one."""
    search, client, data, folder = opened
    name = finalists_name(search.spec.study.name)
    with exclusive(storage, "start"):
        earlier = recorded_study(storage, name)
        if earlier and earlier.search_id != search.study_id:  # of a search that was set aside
            set_aside(storage, earlier)
            earlier = None
        best = chosen(search, wanted.configurations)
        spec = finalists_spec(search.spec, best, wanted, earlier.spec if earlier else None)
        study = open_study(storage, spec, data.fingerprint, search)
    with exclusive(storage, "tracking"):
        return track(study, client, data, folder, options)
