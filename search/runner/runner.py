"""One launch of a study: run the missing trials, repair records, register the champion."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.options import Options
from studyhall.search.common.owner import end_child
from studyhall.search.runner.interrupts import Stop, stop_on_signals
from studyhall.search.runner.stopping import StopRequests
from studyhall.search.runner.study_files import log_results, log_spec
from studyhall.search.study.champion_choice import Choice, best_of_search, winner_of_finals
from studyhall.search.study.finalists import recorded_finals
from studyhall.search.study.observer import Observer
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.studies import identity_of
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary, summarize
from studyhall.search.sync.doctor import put_in_order
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.tracking.ledger import end_broken_readings
from studyhall.search.tracking.mlflow_ui import pages_of
from studyhall.search.tracking.registry import (
    Registered,
    register_champion,
    registered_champion,
)
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.workers.local_pool import LocalPool
from studyhall.search.workers.pool import Action, ClusterUnavailable, UnusableHost, WorkerPool

_DEATHS_ALLOWED = 10  # in a row for each worker, while no trial ends: nothing can train here
_LAST_SECONDS = 1.0  # how long an aborted launch waits for the upload in progress
_PATIENCE_SECONDS = 120.0  # how long the end of a launch waits for uploads
_STOP_SECONDS = 3.0  # how long the end of a stopped launch waits for uploads
_NOT_UPDATED = "Some runs still look RUNNING in MLflow; the next launch corrects them."


@dataclass(eq=False)
class Runner:
    """One launch of a study, with everything open that it needs.

    Attributes:
        tracked: The study with its runs in MLflow.
        options: How to run it.
        observer: Follows the progress.
        search: The search, if the study trains its finalists.
    """

    tracked: TrackedStudy
    options: Options
    observer: Observer
    search: Study | None = None
    _told: set[int] = field(default_factory=set)
    _before: set[int] = field(default_factory=set)  # trials that had ended when the launch began
    _known_there: bool = False  # MLflow has runs of earlier launches, so it is the same MLflow
    _said: str = ""
    _deaths: int = 0
    _listened: float = 0.0

    def __post_init__(self) -> None:
        self.study, self.tracker = self.tracked.study, self.tracked.tracker
        self.uploader = self.tracked.uploader(self.observer.note)
        if self.options.cluster is None:
            self.pool: WorkerPool = LocalPool(self.tracked, self.options)
        else:
            from studyhall.search.workers.dask_pool import DaskPool

            self.pool = DaskPool(self.tracked, self.options)
        self._requests = StopRequests(self.search or self.study, self.options.stops)

    @property
    def _name(self) -> str:
        return self.study.spec.study.name

    @property
    def _alone(self) -> bool:
        """Whether trials run in this thread, which then looks at nothing else."""
        return self.options.cluster is None and self.pool.size == 1

    def run(self) -> StudySummary:
        """Run the missing trials; see `studyhall.search.runner.launcher.launch`."""
        try:
            with stop_on_signals(self._say_stopping) as stop:
                self._begin()
                stop.patient = True
                deadline = time.monotonic() + (self.options.timeout or float("inf"))
                self._work(stop, deadline)
                return self._conclude(stop.requested)
        except BaseException:
            if not self.pool.abort(self.uploader):
                self.observer.note(_NOT_UPDATED)
            raise
        finally:
            self.uploader.stop(_LAST_SECONDS)
            self.pool.close()

    def _begin(self) -> None:
        """Repair what earlier launches left, and report what they did."""
        self._put_in_order()
        end_broken_readings(self.tracker.client, self.tracker.study_run.experiment_id)
        log_spec(self.tracked)
        jobs, window = self.pool.size, self.study.spec.study.window
        if jobs > window:
            self.observer.note(f"--jobs {jobs} is more than the window, {window}: some will wait")
        self.observer.begin(self.study.spec, summarize(self.study), jobs)
        self._told = {result.number for result in self.study.finished()}
        self._before = set(self._told)
        if self._before and self.options.cluster is not None:
            ended = {run.number for run in self.tracker.trial_runs() if not run.is_running}
            self._known_there = not self._before.isdisjoint(ended)
        self.uploader.start()

    def _work(self, stop: Stop, deadline: float) -> None:
        def next_action() -> Action:
            self._report_results()
            if self._told >= set(range(self.study.spec.study.trials)):
                return Action.STOP
            self._listen()
            self._requests.heed(stop, self.observer.note)
            return (
                Action.DRAIN if stop.requested or time.monotonic() >= deadline else Action.CONTINUE
            )

        if self._alone:
            self.observer.running(1)
        watched = self._requests.watched() if self._alone else nullcontext()
        with watched, closing(self.pool.results(next_action)) as results:
            for result in results:
                if isinstance(result, ClusterUnavailable | UnusableHost):
                    self._wait(result)
                elif result:
                    self._count_worker_death(result)
        self._report_results()

    def _wait(self, ended: ClusterUnavailable | UnusableHost) -> None:
        """Report a host's trouble once; count it as a death if no other host trains a trial."""
        if isinstance(ended, UnusableHost) and not self.study.at_work():
            self._count_worker_death(ended.trouble)
        elif ended.trouble != self._said:
            self.observer.note(ended.trouble)
        self._said = ended.trouble

    def _report_results(self) -> None:
        """Report the trials that ended since the last look, in this launch or in another."""
        for result in self.study.finished(self._told):
            self._told.add(result.number)
            self._deaths = 0
            self.observer.trial(result)

    def _listen(self) -> None:
        """Look at the heartbeats; kill own workers that hang, before others count them as dead.

        A worker that hangs takes the place of another, and may hold a lock.
        """
        if time.monotonic() - self._listened < INTERVALS.listen:
            return  # it reads all trials, which is slow in a database
        self._listened = time.monotonic()
        self.study.claims.give_up_silent()
        for owner in self.study.claims.silent(INTERVALS.hung):
            if end_child(owner):
                self.observer.note(f"killed a worker process that hung for {INTERVALS.hung:g} s")
        if not self._alone:
            self.observer.running(len(self.study.at_work()))

    def _count_worker_death(self, trouble: str) -> None:
        """Report why a worker died at a trial; give up if that happens too often in a row."""
        self._deaths += 1
        if self._deaths == max(_DEATHS_ALLOWED, self.options.attempts) * self.pool.size:
            raise StudyhallError(
                f"{self._name}: {trouble}, after {self._deaths - 1} such errors in a row; launch "
                "again with fewer --jobs: finished trials are kept"
            )
        self.observer.note(f"{trouble}; the trial is tried again")

    def _put_in_order(self, drained_hosts: set[str] | None = None) -> None:
        """Repair the study's runs in MLflow; a record that is lost for good is trained again.

        With a database, another machine may still have a record that seems lost. Only the user can
        tell, with `studyhall doctor`, except at the end of a launch on a cluster, whose hosts have
        all uploaded what they had.
        """
        embedded = isinstance(self.options.address, Path)
        if drained_hosts:
            own = len(self._told - self._before)
            at_most = float("inf") if self._known_there else own
            repairs = put_in_order(
                self.tracked, self.pool.restore, at_most=at_most, drained_hosts=drained_hosts
            )
        else:
            repairs = put_in_order(self.tracked, self.tracked.restore if embedded else None)
        for sentence in repairs.done:
            self.observer.note(f"repaired: {sentence}")
        for sentence in repairs.left:
            self.observer.note(f"not repaired: {sentence} (see `studyhall doctor {self._name}`)")

    def _say_stopping(self) -> None:
        self.observer.note("Stopping after the running trials. Press Ctrl-C again to stop at once.")

    def _conclude(self, interrupted: bool) -> StudySummary:
        """End the launch; what an interrupted one could not upload is reported, not an error."""
        try:
            return self._close(interrupted)
        except StudyhallError as error:
            if not interrupted:
                raise
            self.observer.note(str(error))
            return replace(summarize(self.study), interrupted=True)

    def _close(self, interrupted: bool) -> StudySummary:
        """Upload all records, register the champion, and end the study's run."""
        seconds, name = _STOP_SECONDS if interrupted else _PATIENCE_SECONDS, self._name
        if unsent := self.uploader.drain(seconds):
            raise StudyhallError(
                f"{name}: MLflow does not have the record of {_counted(unsent)}; it is kept in "
                f"{self.tracked.job.outbox}; once MLflow works, run `studyhall sync {name}`"
            )
        unsent, drained_hosts = self.pool.drain(seconds)
        if unsent:
            raise StudyhallError(
                f"{name}: MLflow does not have the record of {_counted(unsent)}; it is kept on the "
                "cluster; once MLflow works, launch again to upload it"
            )
        self.uploader.stop(_PATIENCE_SECONDS)
        self._put_in_order(None if interrupted else drained_hosts)
        summary = replace(summarize(self.study), interrupted=interrupted)
        log_results(self.tracked)
        summary = self._crown(summary)
        self.tracked.end(_metrics(summary))
        return summary

    @retry_while_disconnected
    def _crown(self, summary: StudySummary) -> StudySummary:
        """Register the champion's model; launches that end together take turns."""
        search, run = self.search or self.study, self.tracker.study_run
        finals = recorded_finals(search)
        if self.search:
            choice = winner_of_finals(finals)
        else:
            provisional = self.study.spec.finalists is not None
            choice = best_of_search(summary.best, finals, provisional=provisional)
        if choice:
            self._await_run(choice.number, summary.interrupted)
            champion: Registered | None = crown(choice, search, self.tracker)
        else:
            identity = identity_of(search.storage, search.spec.study.name)
            champion = registered_champion(self.tracker.client, identity)
        pages = pages_of(run.uri, run.experiment_id, run.run_id, search.spec.study, champion)
        version = champion.version if champion else None
        return replace(summary, champion_version=version, pages=pages)

    def _await_run(self, number: int, interrupted: bool) -> None:
        """Wait while another machine uploads the run of a trial that it has just finished."""
        deadline = time.monotonic() + (_STOP_SECONDS if interrupted else _PATIENCE_SECONDS)
        while number in self.study.recent_elsewhere() and not self.tracker.has_run_of(number):
            if time.monotonic() >= deadline:
                return
            time.sleep(INTERVALS.order)


def crown(choice: Choice, search: Study, tracker: Tracker) -> Registered:
    """Register the model of a trial's run as the champion of a search."""
    run_id = tracker.run_of(choice.number)
    with search.exclusive("champion"):
        identity = identity_of(search.storage, search.spec.study.name)
        return register_champion(tracker.client, identity, run_id, choice.value, choice.selected_by)


def _counted(unsent: list[FailedUpload]) -> str:
    trials = "a trial" if len(unsent) == 1 else f"{len(unsent)} trials"
    return f"{trials} ({unsent[0].reason})"


def _metrics(summary: StudySummary) -> dict[str, float]:
    counts = {
        "trials_complete": summary.complete,
        "trials_pruned": summary.pruned,
        "trials_failed": summary.failed,
        "training_seconds": summary.seconds,
    }
    best = {f"best_{summary.metric}": summary.best.value} if summary.best else {}
    return {**counts, **best}
