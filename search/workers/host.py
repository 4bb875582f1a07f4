"""One worker process of a cluster: the studies that it has open, and what launches ask of it."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from studyhall.search.common.addresses import redact_text
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.sync.outbox_homes import home
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.workers.host_session import Assignment, HostSession
from studyhall.search.workers.pool import UnusableHost

Result = TypeVar("Result")
_STOP_SECONDS = 5.0  # how long a host waits for the record that is being uploaded


class Host:
    """What a worker process keeps between the calls of launches.

    Dask runs trials in one thread, while launches ask for other things in others.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, HostSession] = {}  # by the study's id
        self._opening = threading.Lock()
        # A worker with more threads runs one trial at a time, too: a second claim of one process
        # would take over the trial of the first.
        self._working = threading.Lock()
        self._current: Assignment | None = None  # what this worker runs or looks for a trial of
        self._finished_launches: set[str] = set()  # they begin no more trials here

    def work(self, assignment: Assignment) -> str | UnusableHost | None:
        """Run the next trial of a study on this host, if there is one to run now.

        Returns:
            The error that ended the trial, if one did, or why this host cannot run trials.
        """
        with self._working:
            self._current = assignment
            try:
                return self._session(assignment).run_next(
                    lambda: assignment.launch not in self._finished_launches
                )
            except (StudyhallError, OSError) as error:
                time.sleep(INTERVALS.unfit)
                return _unusable(error)
            finally:
                self._current = None

    def finish(self, launch: str) -> None:
        """Begin no more trials for a launch: calls that it made before may still arrive."""
        self._finished_launches.add(launch)

    def drain(self, assignment: Assignment, seconds: float) -> list[FailedUpload]:
        """Have this host's records of a study sent; return those that could not be."""
        study_id = assignment.study_id
        if study_id not in self._sessions and not any((home() / study_id).glob("trial-*")):
            return []
        return self._session(assignment).drain(seconds)

    def abort(self, study_id: str, launch: str) -> None:
        """Give up the running trial for a launch that ends at once, and begin no more for it."""
        self.finish(launch)
        if session := self._take(study_id, launch):
            session.abort()

    def close(self, study_id: str, launch: str) -> None:
        """Close a study whose launch has ended; another launch opens it again."""
        self.finish(launch)
        if session := self._take(study_id, launch):
            session.close(_STOP_SECONDS)

    def restore(self, assignment: Assignment, number: int) -> bytes | UnusableHost:
        """Train a finished trial again; return its record as a tar archive.

        Raises:
            StudyhallError: the result is another one.
        """
        try:
            session = self._session(assignment)
            job = session.job
        except (StudyhallError, OSError) as error:
            return _unusable(error)
        return session.restore(job, number)

    def _session(self, assignment: Assignment) -> HostSession:
        with self._opening:
            earlier = self._sessions.get(assignment.study_id)
            if earlier and earlier.assignment == assignment:
                return earlier
            if earlier:
                earlier.close(_STOP_SECONDS)
            self._sessions[assignment.study_id] = HostSession(assignment)
            return self._sessions[assignment.study_id]

    def _take(self, study_id: str, launch: str) -> HostSession | None:
        """Remove a session from this host, unless it runs a trial of it for another launch."""
        now = self._current
        if now is not None and now.study_id == study_id and now.launch != launch:
            return None
        return self._sessions.pop(study_id, None)


_THIS_HOST = Host()  # the one of this process: a call from a launch brings its arguments alone


def on_host(method: Callable[..., Result], *arguments: object) -> Result:
    """Call a method of this process's `Host`; launches have workers call this function.

    Args:
        method: Such as `Host.work`.
        arguments: Picklable.
    """
    return method(_THIS_HOST, *arguments)


def _unusable(error: Exception) -> UnusableHost:
    return UnusableHost(f"{platform.node()} cannot run trials: {redact_text(str(error))}")
