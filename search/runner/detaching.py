"""A detached launch: it runs as a task of the cluster, without the process that started it."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from studyhall.search.common.addresses import address_of_host, redact, redact_text, without_password
from studyhall.search.common.environment import code_difference, code_version
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.runner import views
from studyhall.search.runner.interrupts import Terminated
from studyhall.search.runner.launcher import Ready, prepare, run
from studyhall.search.study.observer import Observer
from studyhall.search.study.storage import reopen_storage
from studyhall.search.study.studies import recorded_study, study_ids
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary, summarize
from studyhall.search.sync.outbox_homes import home, make_home
from studyhall.search.workers.cluster import HERE, PATIENCE_SECONDS, Cluster
from studyhall.search.workers.detached_task import DetachedTask, submit_detached

_PAUSE_SECONDS = 5.0  # before another worker tries to begin


def detach(spec: StudySpec, options: Options, observer: Observer) -> StudySummary:
    """Check everything, open the study, hand the launch over to its cluster; return a summary.

    A worker of the cluster runs it beside its own trials. If that worker dies, or its host cannot
    run it, the cluster gives it to another. If the scheduler ends, the launch ends too, and a new
    one resumes the study.

    Args:
        spec: The study.
        options: How to run it; `cluster` is the scheduler's address.
        observer: Follows the progress until then.

    Raises:
        UsageError: Something has to be corrected; no work was started.
        StudyhallError: The work failed.
    """
    ready = prepare(spec, options, observer)
    tracked = ready.tracked
    study, address = tracked.study, options.address
    uri = tracked.tracker.study_run.uri
    given = replace(
        options,
        fresh=False,
        data_dir=None,
        preflight=False,  # the networks were checked here
        storage=address if isinstance(address, Path) else without_password(address),
        tracking_uri=without_password(uri),
        stops=ready.stops,
    )
    cluster = Cluster(str(options.cluster))
    try:
        code = tuple(code_version().items())
        launch = _launch_here, study.spec, given, study.study_id, code
        submit_detached(cluster, *launch, name=study.study_id)
    finally:
        cluster.close()
    return summarize(study)


def _launch_here(
    spec: StudySpec, given: Options, study_id: str, code: tuple[tuple[str, str], ...]
) -> None:
    """Run a launch in a worker of the cluster, with its host's folder and addresses."""
    task, left = DetachedTask(), DetachedLaunch(spec, given, study_id)
    with views.observer() as observer:  # into the log of the worker
        left.observer = observer
        ready = None
        try:
            if ready := left.prepare(code):
                task.secede()  # not before: no trial may be at work while the data are verified
                run(ready, left.options, observer)
        except Terminated:
            left.say("stopped; running trials are left unfinished")
        except Exception as error:  # nothing else reports it
            left.tell(error)
            if ready or left.is_asked_to_stop() or task.count_failure() >= PATIENCE_SECONDS:
                return
            time.sleep(_PAUSE_SECONDS)
            task.reschedule()


class DetachedLaunch:
    """A launch that was handed over to the cluster, for a worker to begin or resume.

    Attributes:
        options: How it is run; until it is prepared, with the addresses of the first host.
        observer: Follows the progress.
    """

    observer: Observer

    def __init__(self, spec: StudySpec, given: Options, study_id: str) -> None:
        self._spec, self.options, self._id = spec, given, study_id
        self._study: Study | None = None

    def prepare(self, code: tuple[tuple[str, str], ...]) -> Ready | None:
        """Prepare a launch that was already checked on the host that handed it over.

        Returns None if the study was set aside since: another study may have its name.

        Raises:
            StudyhallError: This host cannot run it, or not now; another may.
        """
        name = self._spec.study.name
        self.options = replace(
            self.options,
            cluster=HERE,
            folder=home(),
            storage=address_of_host() or self.options.storage,
            tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", self.options.tracking_uri),
        )
        storage = reopen_storage(self.options.address)
        if self._id not in (known := study_ids(storage)):
            raise StudyhallError(
                f"{redact(self.options.address)} does not have the launch's study {name}; set "
                "STUDYHALL_STORAGE to the same database there"
            )
        if known[self._id] != name:
            return None
        self._study = recorded_study(storage, name)  # first: it has the requests to stop
        if different := code_difference(dict(code)):
            raise StudyhallError(f"its code is not that of the launch ({different})")
        make_home()
        return prepare(self._spec, self.options, self.observer)

    def is_asked_to_stop(self) -> bool:
        """Whether the launch was asked to stop before it began here, as far as is known."""
        with suppress(Exception):  # the database may be the cause
            stops = self.options.stops or 0
            return self._study is not None and self._study.stop_asked().times > stops
        return False

    def say(self, words: str) -> None:
        """Write a line about the launch to the worker's log."""
        self.observer.note(f"{self._spec.study.name}: {words}")

    def tell(self, error: Exception) -> None:
        """Report an error in the worker's log and in the study, where `status` shows it."""
        kind = "" if isinstance(error, StudyhallError) else f"{type(error).__name__}: "
        trouble = f"on {platform.node()}: {redact_text(f'{kind}{error}')}"
        self.say(trouble)
        if self._study:
            with suppress(Exception):  # the database may be the cause
                self._study.note_trouble(trouble)
