"""Launching a study: check everything first, then hand over to the runner."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.datasets import fetch
from studyhall.search.data.recorded_data import version_of
from studyhall.search.runner.finals import run_finals
from studyhall.search.runner.notebook_view import usual_observer
from studyhall.search.runner.runner import Runner
from studyhall.search.study.finalists import with_finals
from studyhall.search.study.observer import Observer
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import exclusive, open_storage, read_storage, require_clock
from studyhall.search.study.studies import open_study, recorded_finalists, recorded_study, set_aside
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary
from studyhall.search.sync.doctor import put_in_order
from studyhall.search.sync.tracked_study import Opened, TrackedStudy, track, tracked_data
from studyhall.search.tracking.client import open_client, require_writer
from studyhall.search.tracking.study_runs import TrackedData
from studyhall.search.training.preflight import check_networks, require_data, require_installed
from studyhall.search.workers.pool_choice import require_pool

if TYPE_CHECKING:
    from studyhall.search.study.storage import BaseStorage
    from studyhall.search.tracking.client import MlflowClient


class Ready(NamedTuple):
    """A study that can be run: all was checked, and all is open.

    Attributes:
        tracked: The study.
        storage: Where it is recorded.
        opened: What its finalists need of it.
        stops: How often launches of it had been asked to stop when this one began.
    """

    tracked: TrackedStudy
    storage: BaseStorage
    opened: Opened
    stops: int


def launch(
    spec: StudySpec, options: Options | None = None, observer: Observer | None = None
) -> StudySummary:
    """Run a study until it has the trials that it wants, and register its champion.

    If the study has finalists, they are trained again before one is the champion.

    Trials that an earlier launch finished are kept; one that was interrupted goes on. Several
    launches of one study, on any machines that share its storage, divide its trials among them.

    Args:
        spec: The study.
        options: How to run it.
        observer: Who is told of the progress; by default an output of the cell in a notebook, and
            no one elsewhere.

    Raises:
        UsageError: something to correct was found before any work started.
        StudyhallError: the work failed; what finished is kept, and a new launch goes on from there.
        Terminated: a second Ctrl-C or SIGTERM ended it.
    """
    options, observer = options or Options(), observer or usual_observer()
    return run(prepare(spec, options, observer), options, observer)


def run(ready: Ready, options: Options, observer: Observer) -> StudySummary:
    """Run a study that is ready, and its finalists; see `launch`."""
    tracked, storage, opened, stops = ready
    started = time.monotonic()
    options = replace(options, stops=stops)
    if tracked.study.trouble:
        tracked.study.note_trouble(None)  # of an earlier launch
    summary = Runner(tracked, storage, options, observer).run()
    wanted, rest = tracked.study.spec.finalists, _rest(options, started)
    stopped = tracked.study.stop_asked().times > stops
    ended = tracked.study.is_whole() and summary.best and not summary.interrupted and not stopped
    if wanted and ended and rest:
        return run_finals(opened, storage, wanted, rest, observer)
    if finalists := recorded_finalists(storage, tracked.study):
        _end_earlier(finalists, opened.client, options, observer)  # what a killed launch left
    return with_finals(summary, tracked.study, storage)


def prepare(spec: StudySpec, options: Options, observer: Observer) -> Ready:
    """Check all that a launch needs, fetch the data, and open the study and its runs.

    Raises:
        UsageError: there is something to correct.
    """
    name = spec.study.name
    require_installed(spec)
    spec = require_data(spec, options.data_dir, observer.fetching)
    _require_home(options.home)
    require_pool(options, observer.note)
    stops = _stops_before(name, options)
    with FileLock(options.home / "start.lock"):  # MLflow's database is made by one process
        client = open_client(options.tracking_uri)
    require_writer(client, name)
    folder = fetch(spec.data_settings, data_dir=options.data_dir, progress=observer.fetching)
    if options.preflight:
        check_networks(spec, folder)
    data = tracked_data(spec, folder)
    storage = open_storage(options.address)
    require_clock(storage, options.address)
    if options.fresh and (earlier := recorded_study(storage, name)):
        _set_aside(storage, earlier, client, options, observer)
    tracked = _open(storage, spec, client, data, folder, options)
    return Ready(tracked, storage, Opened(tracked.study, client, data, folder), stops)


def _stops_before(name: str, options: Options) -> int:
    """How often launches of the study were asked to stop before this one.

    Looked at before anything that takes long: who asks meanwhile means this launch, too.
    """
    if options.stops is not None:
        return options.stops
    earlier = None if options.fresh else recorded_study(read_storage(options.address), name)
    return earlier.stop_asked().times if earlier else 0


def _rest(options: Options, started: float) -> Options | None:
    """The options with what is left of the time limit; None if nothing is."""
    if options.timeout is None:
        return options
    left = options.timeout - (time.monotonic() - started)
    return replace(options, timeout=left) if left > 0 else None


def _set_aside(
    storage: BaseStorage,
    earlier: Study,
    client: MlflowClient,
    options: Options,
    observer: Observer,
) -> None:
    """Keep a study, and that of its finalists, under another name."""
    finalists = recorded_finalists(storage, earlier)
    both = [study for study in (earlier, finalists) if study]
    for study in both:
        _require_idle(study)
    for study in both:
        _end_earlier(study, client, options, observer)
    with exclusive(storage, "start"):
        aside = set_aside(storage, earlier)
    observer.note(f"the earlier trials are kept as study '{aside}'")


@retry_while_disconnected
def _open(
    storage: BaseStorage,
    spec: StudySpec,
    client: MlflowClient,
    data: TrackedData,
    folder: Path,
    options: Options,
) -> TrackedStudy:
    """Open the study and its runs; launches that start together make one of each."""
    with exclusive(storage, "start"):
        study = open_study(storage, spec, data.fingerprint)
    with exclusive(storage, "tracking"):  # by now the study is recorded, whatever happens here
        return track(study, client, data, folder, options)


def _end_earlier(
    earlier: Study, client: MlflowClient, options: Options, observer: Observer
) -> None:
    """Send what waits of a study that is set aside, and leave none of its runs RUNNING."""
    settings = earlier.spec.data_settings
    folder = version_of(settings, earlier.data_fingerprint) or fetch(
        settings, data_dir=options.data_dir, progress=observer.fetching
    )
    tracked = track(earlier, client, tracked_data(earlier.spec, folder), folder, options)
    put_in_order(tracked, None)
    tracked.end()


def _require_home(home: Path) -> None:
    """Find out now, not after the first trial, whether records can be kept.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise UsageError(
            f"{home}: must be a folder that can be written: {error.strerror or error}; launch in "
            "another folder, or name a journal elsewhere with --storage"
        ) from None


def _require_idle(study: Study) -> None:
    """Do not set a study aside while another launch runs it.

    Raises:
        UsageError: one does.
    """
    if running := study.claims.live_after_grace():
        raise UsageError(
            f"--fresh: another launch is running {study.spec.study.name} (trial "
            f"{min(running)}); stop it first, or run under another name with --name"
        )
