"""The worker pool of one machine: worker processes, or this process if there is one job."""

from __future__ import annotations

from collections.abc import Callable, Generator

from studyhall.search.common.options import Options
from studyhall.search.study.job import Job
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.workers.execution import Workplace
from studyhall.search.workers.pool import Action, Drained, WorkResult
from studyhall.search.workers.processes import run_workers
from studyhall.search.workers.shutdown import abort_launch


class TrialWorker:
    """Runs the trials of a job in this process, and keeps the study open between them."""

    def __init__(self) -> None:
        self.workplace: Workplace | None = None

    def run_next(self, job: Job) -> str | None:
        """Run the next trial; see `Workplace.run_next`."""
        if self.workplace is None or self.workplace.job != job:
            self.workplace = Workplace(job)
        return self.workplace.run_next()

    def release(self) -> None:
        """Let other workers have the trial that this process has claimed."""
        if self.workplace:
            self.workplace.release()


_WORKER = TrialWorker()  # used in worker processes, to which a call brings the job alone


def _run_next(job: Job) -> str | None:
    return _WORKER.run_next(job)


def _release() -> None:
    _WORKER.release()


class LocalPool:
    """Workers of this machine, whose records the launch itself sends.

    Args:
        tracked: The study.
        options: How to run it.
    """

    def __init__(self, tracked: TrackedStudy, options: Options) -> None:
        self.size = options.workers
        self._tracked = tracked
        self._blas_threads = options.blas_threads
        self._worker = TrialWorker()  # used if there is one job

    def results(self, next_action: Callable[[], Action]) -> Generator[WorkResult]:
        """See `WorkerPool`."""
        run_next = self._worker.run_next if self.size == 1 else _run_next
        job = (self._tracked.job,)
        return run_workers(run_next, job, self.size, self._blas_threads, next_action, _release)

    def drain(self, seconds: float) -> Drained:
        """See `WorkerPool`; there are no other machines."""
        return Drained([], set())

    def restore(self, number: int) -> None:
        """See `WorkerPool`."""
        self._tracked.restore(number)

    def abort(self, uploader: OutboxUploader) -> bool:
        """See `WorkerPool`; the worker processes have ended by now."""
        return abort_launch(self._tracked, uploader, self._worker.workplace)

    def close(self) -> None:
        """See `WorkerPool`; the processes end with `results`."""
