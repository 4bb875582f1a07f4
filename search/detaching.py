"""A launch that goes on without the one who started it, as a task of the cluster itself."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from search import terminal
from search.addresses import address_of_host, shown_in, without_password
from search.cluster import HERE, PATIENCE_SECONDS, Cluster
from search.cluster_tasks import hand_over, step_aside
from search.errors import StudyhallError
from search.host_home import home, make_home
from search.interrupts import Terminated
from search.launcher import Ready, prepare, run
from search.observer import Observer
from search.options import Options
from search.storage import reopen_storage
from search.studies import recorded_study
from search.study import Study
from search.study_spec import StudySpec
from search.summary import StudySummary, summarize

_PAUSE_SECONDS = 5.0  # between two tries to begin


def detach(spec: StudySpec, options: Options, observer: Observer) -> StudySummary:
    """Check all, open the study, and leave the launch to its cluster.

    A worker of the cluster runs it, beside trials of its own. If that worker dies the cluster gives
    the launch to another; only with the scheduler it is lost, and a new launch goes on.

    Args:
        spec: The study.
        options: How to run it; `cluster` is the scheduler's address.
        observer: Who is told of the progress until then.

    Returns:
        Where the study stands now.

    Raises:
        UsageError: something to correct was found before any work started.
        StudyhallError: the work failed.
    """
    ready = prepare(spec, options, observer)
    tracked = ready.tracked
    study, address = tracked.study, options.address
    uri = tracked.tracker.study_run.uri
    given = replace(
        options,
        fresh=False,
        data_dir=None,
        gate=False,  # the networks were checked here
        storage=address if isinstance(address, Path) else without_password(address),
        tracking_uri=without_password(uri),
        stops=ready.stops,
    )
    cluster = Cluster(str(options.cluster))
    try:
        hand_over(cluster, _launch_here, study.spec, given, study.study_id, name=study.study_id)
    finally:
        cluster.close()
    return summarize(study)


def _launch_here(spec: StudySpec, given: Options, study_id: str) -> None:
    """Run a launch in a worker of the cluster, with its host's folder and addresses."""
    options = replace(
        given,
        cluster=HERE,
        folder=home(),
        storage=address_of_host() or given.storage,
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", given.tracking_uri),
    )
    study = recorded_study(reopen_storage(options.address), spec.study.name)
    if study is None or study.study_id != study_id:
        return  # it was set aside since, and another may have its name
    with terminal.observer() as observer:  # into the log of the worker
        try:
            make_home()
            ready = _prepare(spec, study, options, observer)
            step_aside()  # not before: no trial may be at work while the data are verified
            run(ready, options, observer)
        except Terminated:
            observer.note(f"{spec.study.name}: stopped at once")
        except Exception as error:  # no one else would ever hear of it
            told = isinstance(error, StudyhallError)
            _tell(study, str(error) if told else f"{type(error).__name__}: {error}", observer)


def _prepare(spec: StudySpec, study: Study, options: Options, observer: Observer) -> Ready:
    """Prepare a launch that was checked when it was left here: what fails now may pass.

    The worker that had it may have died together with a part of the service.

    Raises:
        StudyhallError: it still fails after minutes, or the launch was asked to stop meanwhile.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return prepare(spec, options, observer)
        except StudyhallError as error:
            asked = study.stop_asked().times > (options.stops or 0)
            if asked or time.monotonic() >= deadline:
                raise
            _tell(study, str(error), observer)
        time.sleep(_PAUSE_SECONDS)


def _tell(study: Study, trouble: str, observer: Observer) -> None:
    """Say what is wrong where someone may look for it, in the log and in the study."""
    observer.note(f"{study.spec.study.name}: {shown_in(trouble)}")
    study.note_trouble(shown_in(trouble))
