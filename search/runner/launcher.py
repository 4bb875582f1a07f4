"""Launch a study: check everything first, then hand over to the runner."""

from __future__ import annotations

import os
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
from studyhall.search.runner.finals import run_finals
from studyhall.search.runner.notebook_view import usual_observer
from studyhall.search.runner.runner import Runner
from studyhall.search.study.finalists import with_finals
from studyhall.search.study.observer import Observer
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.renaming import finish_renaming
from studyhall.search.study.storage import (
    BaseStorage,
    exclusive,
    open_storage,
    read_storage,
    require_clock,
)
from studyhall.search.study.studies import (
    identity_of,
    open_study,
    recorded_finalists,
    recorded_study,
    require_unchanged,
    set_aside,
    study_ids,
)
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary
from studyhall.search.sync.doctor import put_in_order
from studyhall.search.sync.tracked_study import (
    StudyWithData,
    TrackedStudy,
    track,
    tracked_data,
    with_data,
)
from studyhall.search.tracking.address import missing_database
from studyhall.search.tracking.client import open_client, require_writer
from studyhall.search.tracking.ownership import release_model, require_own
from studyhall.search.tracking.study_runs import TrackedData
from studyhall.search.training.preflight import check_networks, require_data, require_installed
from studyhall.search.workers.pool import require_pool

if TYPE_CHECKING:
    from studyhall.search.tracking.client import MlflowClient

_LONGEST = 300  # bytes of the longest path of a record in its folder


class Ready(NamedTuple):
    """A study that is ready to run: everything was checked and opened.

    Attributes:
        tracked: The study.
        opened: The study with its data, which its finalists share.
        stops: How often launches of it had been asked to stop when this one began.
    """

    tracked: TrackedStudy
    opened: StudyWithData
    stops: int


def launch(
    spec: StudySpec, options: Options | None = None, observer: Observer | None = None
) -> StudySummary:
    """Start, resume or extend a study, and register its champion.

    If the study has finalists, they are trained again before one becomes the champion.

    Trials that an earlier launch finished are kept; an interrupted one is resumed. Several launches
    of one study, on any machines that share its storage, divide its trials among them.

    Args:
        spec: The study.
        options: How to run it.
        observer: Follows the progress; by default it is shown in a notebook, and not elsewhere.

    Raises:
        UsageError: Something has to be corrected; no work was started.
        StudyhallError: The work failed; finished trials are kept, and a new launch resumes.
        Terminated: A second Ctrl-C or SIGTERM ended it.
    """
    options, observer = options or Options(), observer or usual_observer()
    return run(prepare(spec, options, observer), options, observer)


def run(ready: Ready, options: Options, observer: Observer) -> StudySummary:
    """Run a study that is ready, and its finalists; see `launch`."""
    tracked, opened, stops = ready
    started = time.monotonic()
    options = replace(options, stops=stops)
    if tracked.study.trouble:
        tracked.study.note_trouble(None)  # of an earlier launch
    summary = Runner(tracked, options, observer).run()
    wanted, rest = tracked.study.spec.finalists, _rest(options, started)
    stopped = tracked.study.stop_asked().times > stops
    ended = tracked.study.is_whole() and summary.best and not summary.interrupted and not stopped
    if wanted and ended and rest:
        return run_finals(opened, wanted, rest, observer)
    if finalists := recorded_finalists(tracked.study):
        _end_earlier(finalists, options, observer)  # a killed launch may have left some
    return with_finals(summary, tracked.study)


def prepare(spec: StudySpec, options: Options, observer: Observer) -> Ready:
    """Check all that a launch needs, fetch the data, and open the study and its runs.

    Raises:
        UsageError: Something has to be corrected.
    """
    name = spec.study.name
    require_installed(spec)
    spec = require_data(spec, options.data_dir, observer.fetching)
    _require_home(options.home)
    require_pool(options, observer.note)
    stops = _stops_before(name, options)
    client = _present(name, options)
    folder = fetch(spec.data_settings, data_dir=options.data_dir, progress=observer.fetching)
    if options.preflight:
        check_networks(spec, folder, observer.fetching)
    data = tracked_data(spec, folder)
    if not options.fresh:
        require_unchanged(read_storage(options.address), spec, data.fingerprint)
    client = _present(name, options, client)  # again: another study may have begun meanwhile
    _make_home(options.home)  # what is above changes nothing
    with FileLock(options.home / "start.lock"):  # MLflow's database is made by one process
        client = client or open_client(options.tracking_uri)
    storage = open_storage(options.address)
    require_clock(storage, options.address)
    finish_renaming(storage)
    if options.fresh and (earlier := recorded_study(storage, name)):
        _set_aside(earlier, _where(earlier, spec, options), observer)
    opened = StudyWithData(_open(storage, spec, data), client, data, folder)
    release_model(client, identity_of(storage, name))
    return Ready(_track(opened, options, observer), opened, stops)


def _present(
    name: str, options: Options, client: MlflowClient | None = None
) -> MlflowClient | None:
    """MLflow, if it is there, and takes the study under this name; None if it is not there."""
    if client is None and not missing_database(options.tracking_uri):
        client = open_client(options.tracking_uri)
    if client:
        require_writer(client, name)
        require_own(client, identity_of(read_storage(options.address), name))
    return client


def _stops_before(name: str, options: Options) -> int:
    """How often launches of the study were asked to stop before this one.

    It is read before anything slow: a request that arrives meanwhile is for this launch, too.
    """
    if options.stops is not None:
        return options.stops
    earlier = None if options.fresh else recorded_study(read_storage(options.address), name)
    return earlier.stop_asked().times if earlier else 0


def _rest(options: Options, started: float) -> Options | None:
    """The options with the rest of the time limit; None if no time is left."""
    if options.timeout is None:
        return options
    left = options.timeout - (time.monotonic() - started)
    return replace(options, timeout=left) if left > 0 else None


def _where(earlier: Study, spec: StudySpec, options: Options) -> Options:
    """The options for the earlier study: its own data are where the study file names them now."""
    if earlier.spec.data_settings.path is None or options.data_dir:
        return options
    return replace(options, data_dir=spec.data_settings.path)


def _set_aside(earlier: Study, options: Options, observer: Observer) -> None:
    """Keep a study, and that of its finalists, under another name."""
    finalists = recorded_finalists(earlier)
    both = [study for study in (earlier, finalists) if study]
    for study in both:
        _require_idle(study)
    for study in both:
        _end_earlier(study, options, observer)
    study_id = earlier.study_id
    retry_while_disconnected(set_aside)(earlier.storage, earlier.spec.study.name, study_id)
    aside = study_ids(earlier.storage)[study_id]
    observer.note(f"the earlier trials are kept as study '{aside}'")


@retry_while_disconnected
def _open(storage: BaseStorage, spec: StudySpec, data: TrackedData) -> Study:
    """Open the study; launches that start together create it once."""
    with exclusive(storage, "start"):
        return open_study(storage, spec, data.fingerprint)


@retry_while_disconnected
def _track(opened: StudyWithData, options: Options, observer: Observer) -> TrackedStudy:
    """Open the study's runs; launches that start together create them once."""
    with opened.study.exclusive("tracking"):
        return track(opened, options, observer)


def _end_earlier(earlier: Study, options: Options, observer: Observer) -> None:
    """Upload the queued records of a study, and leave none of its runs RUNNING."""
    tracked = track(with_data(earlier, options, observer, any_version=True), options, observer)
    put_in_order(tracked, None)
    tracked.end()


def _require_home(home: Path) -> None:
    """Check now, not after the first trial, that records can be kept; nothing is written.

    Raises:
        UsageError: they cannot.
    """
    if len(os.fsencode(home)) + _LONGEST > os.pathconf("/", "PC_PATH_MAX"):
        raise UsageError(
            f"{home.parent}: must be a shorter path, since records have names of {_LONGEST} bytes "
            "in it; launch in a folder nearer to the root"
        )
    there = next(folder for folder in (home, *home.parents) if os.path.lexists(folder))
    if not there.is_dir():
        raise _unwritable(home, f"{there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise _unwritable(home, f"{there} is not writable")


def _make_home(home: Path) -> None:
    """Make the folder of records.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise _unwritable(home, error.strerror or str(error)) from None


def _unwritable(home: Path, reason: str) -> UsageError:
    return UsageError(
        f"{home}: must be a folder that can be written: {reason}; launch in another folder, or "
        "name a journal elsewhere with --storage"
    )


def _require_idle(study: Study) -> None:
    """Check that no other launch runs a study."""
    if running := study.claims.live_after_grace():
        raise UsageError(
            f"--fresh: another launch is running {study.spec.study.name} (trial "
            f"{min(running)}); stop it first, or run under another name with --name"
        )
