"""A study on one host of a cluster, with the host's own data, storage and outbox.

A launch sends names and settings, nothing else. The addresses of the services may be others on each
host, and passwords are there already: a worker takes both from its environment.
"""

from __future__ import annotations

import io
import logging
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from studyhall.search.common.addresses import address_of_host, redact
from studyhall.search.common.environment import code_difference, environment, fixed_blas_threads
from studyhall.search.common.errors import StudyhallError
from studyhall.search.data.recorded_data import fetch_recorded, require_data_of_launch
from studyhall.search.data.seal import sealed_sources
from studyhall.search.study.job import Job
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import reopen_storage, require_clock
from studyhall.search.study.studies import recorded_study
from studyhall.search.study.study import Study
from studyhall.search.sync.doctor import adopt
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.outbox_homes import make_home
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.sync.tracked_study import TrackedStudy, run_names
from studyhall.search.sync.trial_records import restore
from studyhall.search.tracking.study_runs import FINGERPRINT, StudyRun
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.workers.execution import Workplace
from studyhall.search.workers.shutdown import abort_launch

_STOP_SECONDS = 5.0  # how long a host waits for the record that is being uploaded
_log = logging.getLogger("studyhall.host")


@dataclass(frozen=True)
class Assignment:
    """The trials of a study, as a launch sends them to the workers of a cluster.

    Launches of one study can share a worker and its open study: assignments that differ in `launch`
    alone are equal.

    Attributes:
        job: The trials, with the launch's own paths, which each host replaces by its own, and the
            address of the storage without its password.
        study_id: The study's id.
        study_run: The study's run in MLflow.
        blas_threads: Threads of the matrix products.
        code: The versions of the launch's code.
        launch: The launch's own id.
    """

    job: Job
    study_id: str
    study_run: StudyRun
    blas_threads: int
    code: tuple[tuple[str, str], ...]
    launch: str = field(compare=False)


class HostSession:
    """What a worker's process keeps open of one study: its storage, its runs, and an uploader.

    Args:
        assignment: The study.

    Raises:
        StudyhallError: this host has other code, another database or another clock.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        if different := code_difference(dict(assignment.code)):
            raise StudyhallError(f"its code is not that of the launch ({different})")
        uri = os.environ.get("MLFLOW_TRACKING_URI") or assignment.study_run.uri
        run, job = replace(assignment.study_run, uri=uri), assignment.job
        here = {f"studyhall.{name}": value for name, value in environment().items()}
        job = replace(
            job,
            tags={**job.tags, **here},
            storage=address_of_host() or job.storage,
            outbox=make_home() / assignment.study_id,
        )
        storage, name = reopen_storage(job.storage), job.spec.study.name
        require_clock(storage, job.storage)
        recorded = retry_while_disconnected(recorded_study)(storage, name)
        if recorded is None or recorded.study_id != assignment.study_id:
            raise StudyhallError(
                f"{redact(job.storage)} does not have the launch's study {name}; set "
                "STUDYHALL_STORAGE to the same database there"
            )
        self._tracked = TrackedStudy(
            Study(storage, job.spec),
            Tracker(run, name=run_names(job.spec)),
            Outbox(job.outbox),
            job,
            assignment.blas_threads,
        )
        self._workplace: Workplace | None = None
        self._with_data: Job | None = None
        self._uploader = self._tracked.uploader(_log.warning)
        self._uploader.start()

    @property
    def job(self) -> Job:
        """The job with this host's data, which are fetched if need be.

        Raises:
            UsageError: they cannot be had, or are not those of the study.
        """
        # A cached property of Python 3.11 would lock all sessions while one fetches its data.
        if self._with_data is None:
            job = self._tracked.job
            settings, recorded = job.spec.data_settings, job.tags[FINGERPRINT]
            folder = fetch_recorded(settings, recorded)
            require_data_of_launch(folder, settings, recorded)
            self._with_data = replace(
                job, data_folder=folder, sealed=sealed_sources(settings, (folder, job.outbox))
            )
        return self._with_data

    def run_next(self, wanted: Callable[[], bool]) -> str | None:
        """Run the next trial; see `Workplace.run_next`."""
        with fixed_blas_threads(self.assignment.blas_threads):
            if self._workplace is None:
                self._workplace = Workplace(self.job)
            return self._workplace.run_next(wanted)

    def drain(self, seconds: float) -> list[FailedUpload]:
        """Have this host's records sent, or deleted where they count no more.

        Returns:
            The records that could not be sent.
        """
        adopt(self._tracked.study, self._tracked.outbox)
        return self._uploader.drain(seconds)

    def restore(self, job: Job, number: int) -> bytes:
        """Train a finished trial again for the session's job; see `Host.restore`."""
        with tempfile.TemporaryDirectory() as temporary:
            there = replace(job, outbox=Path(temporary))
            restore(self._tracked.study, there, number, self.assignment.blas_threads)
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                for folder in sorted(Path(temporary).iterdir()):
                    archive.add(folder, folder.name)
            return packed.getvalue()

    def abort(self) -> None:
        """Give up the running trial, and end at once."""
        if not abort_launch(self._tracked, self._uploader, self._workplace):
            self._uploader.stop(0.0)

    def close(self) -> None:
        """Stop sending records."""
        self._uploader.stop(_STOP_SECONDS)
