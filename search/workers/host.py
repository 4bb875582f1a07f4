"""What a worker of a cluster does: its host's own data, storage and outbox stand for the launch's.

Nothing but names and settings comes from the launch. The addresses of the services may be others
on each host, and passwords are there already: a worker takes both from its environment.
"""

from __future__ import annotations

import io
import logging
import os
import platform
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from studyhall.search.common.addresses import address_of_host, redact, redact_text
from studyhall.search.common.environment import (
    code_difference,
    code_version,
    environment,
    fixed_blas_threads,
)
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.data.recorded_data import fetch_recorded, require_data_of_launch
from studyhall.search.data.seal import sealed_sources
from studyhall.search.study.job import Job
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import reopen_storage, require_clock
from studyhall.search.study.studies import recorded_study
from studyhall.search.study.study import Study
from studyhall.search.sync.doctor import adopt
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.outbox_homes import home, make_home
from studyhall.search.sync.outbox_uploader import FailedUpload, OutboxUploader
from studyhall.search.sync.tracked_study import TrackedStudy, run_names
from studyhall.search.sync.trial_records import restore
from studyhall.search.tracking.study_runs import FINGERPRINT, StudyRun
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.workers.execution import work
from studyhall.search.workers.shutdown import abort_launch
from studyhall.search.workers.workers import HostUnfit

_STOP_SECONDS = 5.0  # how long a host waits for what its sender is sending
_log = logging.getLogger("studyhall.host")


@dataclass(frozen=True)
class Assignment:
    """The trials of a study, as a launch hands them to the workers of a cluster.

    `job` has the launch's own paths, in whose place each host puts its own, and the address of the
    storage without its password; `code` is what the launch runs. Launches of one study, each with
    an id of its own, may share a worker and what it keeps open.
    """

    job: Job
    study_id: str
    study_run: StudyRun
    blas_threads: int
    code: tuple[tuple[str, str], ...]
    launch: str = field(compare=False)


@dataclass(frozen=True)
class HostReport:
    """What a worker says of itself before it is given trials; `clock` in seconds since 1970."""

    host: str
    code: dict[str, str]
    blas: str
    clock: float


def report() -> HostReport:
    """What this worker is."""
    return HostReport(platform.node(), code_version(), environment()["machine.blas"], time.time())


class HostSession:
    """What a worker's process keeps open of a study: the study, its runs, and who sends records."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        if different := code_difference(dict(assignment.code)):
            raise StudyhallError(f"its code is not that of the launch ({different})")
        uri = os.environ.get("MLFLOW_TRACKING_URI") or assignment.study_run.uri
        run, job = replace(assignment.study_run, uri=uri), self._at_home(assignment)
        storage, name = reopen_storage(job.storage), job.spec.study.name
        require_clock(storage, job.storage)
        recorded = retry_while_disconnected(recorded_study)(storage, name)
        if recorded is None or recorded.study_id != assignment.study_id:
            raise StudyhallError(
                f"{redact(job.storage)} has not the launch's study {name}; have STUDYHALL_STORAGE "
                "name the same database there"
            )
        self.tracked = TrackedStudy(
            Study(storage, job.spec),
            Tracker(run, name=run_names(job.spec)),
            Outbox(job.outbox),
            job,
            assignment.blas_threads,
        )
        self._with_data: Job | None = None
        self.sender: OutboxUploader = self.tracked.uploader(_log.warning)
        self.sender.start()

    @staticmethod
    def _at_home(assignment: Assignment) -> Job:
        job = assignment.job
        here = {f"studyhall.{name}": value for name, value in environment().items()}
        return replace(
            job,
            tags={**job.tags, **here},
            storage=address_of_host() or job.storage,
            outbox=make_home() / assignment.study_id,
        )

    @property
    def job(self) -> Job:
        """The job with this host's data, which are fetched if need be.

        Raises:
            UsageError: they cannot be had, or are others than those of the study.
        """
        if self._with_data is None:
            job = self.tracked.job
            settings, recorded = job.spec.data_settings, job.tags[FINGERPRINT]
            folder = fetch_recorded(settings, recorded)
            require_data_of_launch(folder, settings, recorded)
            sealed = sealed_sources(settings, (folder, job.outbox))
            self._with_data = replace(job, data_folder=folder, sealed=sealed)
        return self._with_data

    def work(self, wanted: Callable[[], bool]) -> str | None:
        """Do the next trial, if there is one; see `studyhall.search.workers.execution.work`."""
        with fixed_blas_threads(self.tracked.blas_threads):
            return work(self.job, wanted)


_stations: dict[str, HostSession] = {}  # by the study's id
_opening = threading.Lock()  # trials are done in one thread, and launches ask in others
_working = threading.Lock()  # a worker that joined with more threads does one trial at a time, too
_at_work: Assignment | None = None  # what this worker does a trial of, or looks for one
_over: set[str] = set()  # the launches that are to begin no trial here any more


def work_on_host(assignment: Assignment) -> str | HostUnfit | None:
    """Do the next trial of a study on this host, if there is one to do now.

    Returns:
        What it died of, if it did, or why this host can do none: others go on.
    """
    global _at_work
    with _working:
        _at_work = assignment
        try:
            return _station(assignment).work(lambda: assignment.launch not in _over)
        except (StudyhallError, OSError) as error:
            time.sleep(INTERVALS.unfit)
            return _unfit(error)
        finally:
            _at_work = None


def _unfit(error: Exception) -> HostUnfit:
    return HostUnfit(f"{platform.node()} can do no trial: {redact_text(str(error))}")


def finish_host(launch: str) -> None:
    """Begin no more trials for a launch: calls that it made before may come yet."""
    _over.add(launch)


def drain_host(assignment: Assignment, seconds: float) -> list[FailedUpload]:
    """See what this worker's host has of a study sent or swept; return what waits still."""
    name = assignment.study_id
    if name not in _stations and not any((home() / name).glob("trial-*")):
        return []
    station = _station(assignment)
    adopt(station.tracked.study, station.tracked.outbox)
    return station.sender.drain(seconds)


def leave_host(study_id: str, launch: str) -> None:
    """Give up what this worker is at for a launch that ends at once, and begin no more for it."""
    finish_host(launch)
    if _is_of_another(study_id, launch) or not (station := _stations.pop(study_id, None)):
        return
    if not abort_launch(station.tracked, station.sender):
        station.sender.stop(0.0)


def close_host(study_id: str, launch: str) -> None:
    """Let go of a study whose launch has ended; another launch opens it anew."""
    finish_host(launch)
    if not _is_of_another(study_id, launch) and (station := _stations.pop(study_id, None)):
        station.sender.stop(_STOP_SECONDS)


def _is_of_another(study_id: str, launch: str) -> bool:
    """Whether this worker is at a trial of the same study for another launch."""
    now = _at_work
    return now is not None and now.study_id == study_id and now.launch != launch


def restore_on_host(assignment: Assignment, number: int) -> bytes | HostUnfit:
    """Train a finished trial again.

    Returns:
        Its record, a folder as a tar archive; or why this host can train none.

    Raises:
        StudyhallError: it came out another way.
    """
    try:
        station = _station(assignment)
        own = station.job
    except (StudyhallError, OSError) as error:
        return _unfit(error)
    tracked = station.tracked
    with tempfile.TemporaryDirectory() as temporary:
        job = replace(own, outbox=Path(temporary))
        restore(tracked.study, job, number, tracked.blas_threads)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for folder in sorted(Path(temporary).iterdir()):
                archive.add(folder, folder.name)
        return packed.getvalue()


def _station(assignment: Assignment) -> HostSession:
    with _opening:
        earlier = _stations.get(assignment.study_id)
        if earlier and earlier.assignment == assignment:
            return earlier
        if earlier:
            earlier.sender.stop(_STOP_SECONDS)
        _stations[assignment.study_id] = HostSession(assignment)
        return _stations[assignment.study_id]
