"""A study under way: run what is missing, put right what was interrupted, name the best."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.options import Options
from studyhall.search.common.owner import end_child
from studyhall.search.runner.interrupts import Stop, stop_on_signals
from studyhall.search.runner.stop_requests import StopRequests
from studyhall.search.runner.study_files import log_results, log_spec
from studyhall.search.study.champion_choice import Choice, best_of_search, winner_of_finals
from studyhall.search.study.finalists import recorded_finals
from studyhall.search.study.finals_facts import Finals
from studyhall.search.study.observer import Observer
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary, summarize
from studyhall.search.sync.doctor import put_in_order
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.tracking.ledger import end_broken_readings
from studyhall.search.tracking.mlflow_ui import pages_of
from studyhall.search.tracking.registry import register_champion, registered_version
from studyhall.search.workers.pool import Action, ClusterUnavailable, UnusableHost
from studyhall.search.workers.pool_choice import open_pool

if TYPE_CHECKING:
    from studyhall.search.study.storage import BaseStorage

_DEATHS_ALLOWED = 10  # a worker in a row, while no trial ends: nothing can be trained here
_LAST_SECONDS = 1.0  # how long the end waits for what MLflow is being sent
_PATIENCE_SECONDS = 120.0  # how long the end of a launch waits for MLflow
_STOP_SECONDS = 3.0  # the same of one that was told to finish what runs
_NOT_TOLD = "MLflow has not been told in time of all that stopped; the next launch does that"


@dataclass(eq=False)
class Runner:
    """One launch of a study, with everything open that it needs.

    Attributes:
        tracked: The study.
        storage: Where it is recorded.
        options: How to run it.
        observer: Who is told of the progress.
        search: The search, if the study is that of its finalists.
    """

    tracked: TrackedStudy
    storage: BaseStorage
    options: Options
    observer: Observer
    search: Study | None = None
    _told: set[int] = field(default_factory=set)
    _before: set[int] = field(default_factory=set)  # finished when the launch began
    _known_there: bool = False  # MLflow has trials of earlier launches: it is the one it was
    _said: str = ""
    _deaths: int = 0
    _listened: float = 0.0

    def __post_init__(self) -> None:
        self.study, self.tracker = self.tracked.study, self.tracked.tracker
        self.sender = self.tracked.uploader(self.observer.note)
        self.pool = open_pool(self.tracked, self.options)
        self._requests = StopRequests(self.search or self.study, self.options.stops)

    @property
    def _name(self) -> str:
        return self.study.spec.study.name

    @property
    def _alone(self) -> bool:
        """Whether one job is done in this thread, which gives no order while a trial runs."""
        return self.options.cluster is None and self.pool.size == 1

    def run(self) -> StudySummary:
        """Run the trials that are missing; see `studyhall.search.runner.launcher.launch`."""
        try:
            with stop_on_signals(self._say_stopping) as stop:
                self._begin()
                stop.patient = True
                deadline = time.monotonic() + (self.options.timeout or float("inf"))
                self._work(stop, deadline)
                return self._conclude(stop.requested)
        except BaseException:
            if not self.pool.abort(self.sender):
                self.observer.note(_NOT_TOLD)
            raise
        finally:
            self.sender.stop(_LAST_SECONDS)
            self.pool.close()

    def _begin(self) -> None:
        """Start from where earlier launches left the study."""
        self._put_in_order()
        end_broken_readings(self.tracker.client, self.tracker.study_run.experiment_id)
        log_spec(self.tracked)
        jobs, window = self.pool.size, self.study.spec.study.window
        if jobs > window:
            self.observer.note(f"--jobs {jobs} is more than the window of {window}: some will wait")
        self.observer.begin(self.study.spec, summarize(self.study), jobs)
        self._told = {result.number for result in self.study.finished()}
        self._before = set(self._told)
        if self._before and self.options.cluster is not None:
            ended = {run.number for run in self.tracker.trial_runs() if not run.is_running}
            self._known_there = not self._before.isdisjoint(ended)
        self.sender.start()

    def _work(self, stop: Stop, deadline: float) -> None:
        def next_action() -> Action:
            self._report_results()
            if self._whole:
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
                    self._count_worker_death(result if isinstance(result, str) else result.trouble)
        self._report_results()

    def _wait(self, ended: ClusterUnavailable | UnusableHost) -> None:
        """Say once what a host lacks; give up if again and again no other does a trial."""
        if isinstance(ended, UnusableHost) and not self.study.at_work():
            self._count_worker_death(ended.trouble)
        elif ended.trouble != self._said:
            self.observer.note(ended.trouble)
        self._said = ended.trouble

    def _report_results(self) -> None:
        """Report what has ended since the last look, in this launch or in another."""
        for result in self.study.finished(self._told):
            self._told.add(result.number)
            self._deaths = 0
            self.observer.trial(result)

    @property
    def _whole(self) -> bool:
        return self._told >= set(range(self.study.spec.study.trials))

    def _listen(self) -> None:
        """Hear who is at work; kill own workers that hang, before others take them for dead.

        Each has a place among the workers, and maybe a lock, that others need.
        """
        if time.monotonic() - self._listened < INTERVALS.listen:
            return  # listening reads all trials, which costs a database more than a journal
        self._listened = time.monotonic()
        self.study.claims.give_up_silent()
        for owner in self.study.claims.silent(INTERVALS.hung):
            if end_child(owner):
                self.observer.note(f"a worker process has hung for {INTERVALS.hung:g} s; it ends")
        if not self._alone:
            self.observer.running(len(self.study.at_work()))

    def _count_worker_death(self, trouble: str) -> None:
        """Say what a trial died of; give up if that happens again and again."""
        self._deaths += 1
        if self._deaths == max(_DEATHS_ALLOWED, self.options.attempts) * self.pool.size:
            raise StudyhallError(
                f"{self._name}: {trouble}, and {self._deaths - 1} such troubles "
                "before it in a row; launch again with fewer --jobs: finished trials are kept"
            )
        self.observer.note(f"{trouble}; the trial is tried again")

    def _put_in_order(self, drained_hosts: set[str] | None = None) -> None:
        """Put right what earlier launches left; what is lost for good is trained again.

        With a database another machine may still have what seems lost: there the doctor is asked,
        but for what the hosts of this launch's cluster are known not to have, at its end.
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
        """See everything sent and the study's run ended; one that was interrupted sees less."""
        try:
            return self._close(interrupted)
        except StudyhallError as error:
            if not interrupted:
                raise
            self.observer.note(str(error))
            return replace(summarize(self.study), interrupted=True)

    def _close(self, interrupted: bool) -> StudySummary:
        """See everything sent, register the champion, and end the study's run."""
        seconds, name = _STOP_SECONDS if interrupted else _PATIENCE_SECONDS, self._name
        if unsent := self.sender.drain(seconds):
            raise StudyhallError(
                f"{name}: MLflow does not have the record of {_counted(unsent)}, which waits in "
                f"{self.tracked.job.outbox}; when that is mended, `studyhall sync {name}` sends it"
            )
        drained = self.pool.drain(seconds)
        if unsent := drained.unsent:
            raise StudyhallError(
                f"{name}: MLflow does not have the record of {_counted(unsent)}, which waits on "
                "the cluster; when that is mended, the same launch has it sent"
            )
        self.sender.stop(_PATIENCE_SECONDS)
        self._put_in_order(None if interrupted else drained.hosts)
        summary = replace(summarize(self.study), interrupted=interrupted)
        log_results(self.tracked)
        summary = self._crown(summary)
        self.tracked.end(_metrics(summary))
        return summary

    @retry_while_disconnected
    def _crown(self, summary: StudySummary) -> StudySummary:
        """Register the champion's model; launches that end together do so one by one."""
        client, search = self.tracker.client, self.search or self.study
        name, finals = search.spec.study.name, recorded_finals(self.storage, search)
        if choice := self._choose(summary, finals):
            self._await_run(choice.number, summary.interrupted)
            run_id = self.tracker.run_of(choice.number)
            with search.exclusive("champion"):
                version: str | None = register_champion(
                    client, name, run_id, choice.value, choice.selected_by
                )
        else:
            version = registered_version(client, name)
        run = self.tracker.study_run
        study = search.spec.study
        pages = pages_of(run.uri, run.experiment_id, run.run_id, study, version)
        return replace(summary, champion_version=version, pages=pages)

    def _choose(self, summary: StudySummary, finals: Finals | None) -> Choice | None:
        if self.search is None:
            provisional = self.study.spec.finalists is not None
            return best_of_search(summary.best, finals, provisional=provisional)
        return winner_of_finals(finals)

    def _await_run(self, number: int, interrupted: bool) -> None:
        """Wait for the run of a trial that another machine has just finished, and is sending."""
        deadline = time.monotonic() + (_STOP_SECONDS if interrupted else _PATIENCE_SECONDS)
        while number in self.study.recent_elsewhere() and not self.tracker.has_run_of(number):
            if time.monotonic() >= deadline:
                return
            time.sleep(INTERVALS.order)


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
