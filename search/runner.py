"""A study under way: run what is missing, put right what was interrupted, name the best."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tomli_w

from search.datasets import open_dataset
from search.errors import StudyhallError
from search.execution import Job, Outcome, work
from search.interrupts import Stop, stop_on_signals
from search.observer import Observer
from search.options import Options
from search.plots import sample_images
from search.reconciliation import put_in_order
from search.registry import register_champion
from search.study import Study
from search.study_figures import write_figures
from search.summary import StudySummary, summarize
from search.tracker import Tracker
from search.workers import WorkerDiedError, kill_workers, run_tasks

DEATHS_ALLOWED = 3
SAMPLES = 25


@dataclass(eq=False)
class Runner:
    """One launch of a study, with everything open that it needs."""

    study: Study
    job: Job
    options: Options
    observer: Observer
    tracker: Tracker

    def run(self) -> StudySummary:
        """Run the trials that are missing; see `search.launcher.launch`."""
        self._put_in_order()
        jobs, window = self.options.jobs, self.study.spec.study.window
        if jobs > window:
            self.observer.note(f"--jobs {jobs} is more than the window of {window}: some will wait")
        self.observer.begin(self.study.spec, summarize(self.study), jobs)
        deadline = time.monotonic() + (self.options.timeout or float("inf"))
        try:
            with stop_on_signals(self._say_stopping) as stop:
                for outcome in self._outcomes(stop, deadline):
                    self.observer.trial(outcome)
            return self._conclude(stop.requested)
        except BaseException:
            self._leave_in_order()
            raise

    def _leave_in_order(self) -> None:
        """End at once, but leave nothing running: neither processes nor runs."""
        if self.options.jobs > 1:
            kill_workers()
        try:
            self._put_in_order()
            self.tracker.end_study("KILLED", {})
        except StudyhallError as error:
            self.observer.note(f"{error}; the next launch puts it right")

    def _outcomes(self, stop: Stop, deadline: float) -> Iterator[Outcome]:
        """Run what is missing; after the death of a worker, what that interrupted once more."""
        for attempt in range(1, DEATHS_ALLOWED + 1):
            try:
                tasks = self._tasks(stop, deadline)
                yield from run_tasks(work, tasks, self.options.jobs, self.options.blas_threads)
                return
            except WorkerDiedError as error:
                if attempt == DEATHS_ALLOWED:
                    raise StudyhallError(
                        f"{self.study.spec.study.name}: {error}, {attempt} times; launch again "
                        "with fewer --jobs: finished trials are kept"
                    ) from error
                self.observer.note(f"{error}; the trials that it interrupted start again")
                self._put_in_order()

    def _tasks(self, stop: Stop, deadline: float) -> Iterator[tuple[Job, int, int]]:
        finished = {t.number for t in self.study.trials() if t.state.is_finished()}
        for number in range(self.study.spec.study.trials):
            if stop.requested or time.monotonic() >= deadline:
                return
            if number not in finished:
                yield self.job, number, self.study.claim(number)

    def _put_in_order(self) -> None:
        put_in_order(self.study, self.tracker, self.job.spool)

    def _say_stopping(self) -> None:
        self.observer.note(
            "finishing the trials that run, starting no more; press Ctrl-C again to stop at once"
        )

    def _conclude(self, interrupted: bool) -> StudySummary:
        """Send what is still unsent, register the champion, and end the study's run."""
        self._put_in_order()
        summary = replace(summarize(self.study), interrupted=interrupted)
        if summary.best:
            run_id = self.tracker.run_of(summary.best.number)
            version = register_champion(
                self.tracker.client, summary.name, run_id, summary.best.value
            )
            summary = replace(summary, champion_version=version)
        self._log_study(summary)
        whole = summary.finished >= summary.wanted
        self.tracker.end_study("FINISHED" if whole else "KILLED", _metrics(summary))
        return summary

    def _log_study(self, summary: StudySummary) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            spec = self.study.spec.model_dump(mode="json", exclude_none=True)
            (folder / "study.toml").write_text(tomli_w.dumps(spec), encoding="utf-8")
            self._draw_samples(folder / "samples.png")
            if summary.finished >= summary.wanted:
                (folder / "figures").mkdir()
                write_figures(self.study, folder / "figures")
            self.tracker.log_study_artifacts(folder)

    def _draw_samples(self, path: Path) -> None:
        """Show what the networks are to tell apart, if it can be seen."""
        dataset = open_dataset(self.study.spec.data_settings, self.job.data_folder)
        if len(dataset.example_shape) == 3:
            examples, labels = dataset.train_examples[:SAMPLES], dataset.train_labels[:SAMPLES]
            sample_images(path, np.asarray(examples, np.uint8), labels, dataset.classes)


def _metrics(summary: StudySummary) -> dict[str, float]:
    counts = {
        "trials_complete": summary.complete,
        "trials_pruned": summary.pruned,
        "trials_failed": summary.failed,
        "training_seconds": summary.seconds,
    }
    best = {f"best_{summary.metric}": summary.best.value} if summary.best else {}
    return {**counts, **best}
