"""Workers: every task once, results as they come, and what happens when a worker is killed."""

from __future__ import annotations

import os
import signal
import time

import pytest
import threadpoolctl

from search.workers import WorkerDiedError, run_tasks


def doubled(number: int) -> int:
    return 2 * number


def doubled_slowly(number: int) -> int:
    time.sleep(0.1)
    return 2 * number


def blas_threads(_: int) -> set[int]:
    import numpy  # noqa: F401  its BLAS is what is counted

    pools = threadpoolctl.threadpool_info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


def process_id(_: int) -> int:
    return os.getpid()


def refuse(number: int) -> int:
    raise LookupError(f"number {number}")


def die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_task_is_done_once(jobs):
    tasks = ((number,) for number in range(7))
    assert sorted(run_tasks(doubled, tasks, jobs, 1)) == [0, 2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize("jobs", [1, 2])
def test_tasks_are_drawn_as_workers_become_free(jobs):
    drawn = []

    def tasks():
        for number in range(20):
            drawn.append(number)
            yield (number,)

    results = run_tasks(doubled_slowly, tasks(), jobs, 1)
    next(results)
    assert len(drawn) < 12
    assert max(results) == 38


@pytest.mark.parametrize("jobs", [1, 2])
def test_blas_threads_are_fixed(jobs):
    assert list(run_tasks(blas_threads, [(0,), (1,)], jobs, 1)) == [{1}, {1}]


def test_one_job_runs_in_this_process():
    assert list(run_tasks(process_id, [(0,)], 1, 1)) == [os.getpid()]
    assert list(run_tasks(process_id, [(0,)], 2, 1)) != [os.getpid()]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_task_reaches_the_caller(jobs):
    with pytest.raises(LookupError, match="number 3"):
        list(run_tasks(refuse, [(3,)], jobs, 1))


def test_a_killed_worker_is_said_to_be_so():
    with pytest.raises(WorkerDiedError, match="a worker process was killed"):
        list(run_tasks(die, [(0,)], 2, 1))
