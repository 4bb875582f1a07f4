"""Workers: what they are told to do, what comes back, and what happens when one is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import islice

import psutil
import pytest
import threadpoolctl

from studyhall.search.workers.pool import Action, WorkerDied
from studyhall.search.workers.processes import run_workers


def doubled(number: int) -> int:
    return 2 * number


def blas_threads() -> set[int]:
    import numpy  # noqa: F401  its BLAS is what is counted

    pools = threadpoolctl.threadpool_info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


def process_id() -> int:
    time.sleep(0.05)  # long enough for the other worker to get a call too
    return os.getpid()


def refuse() -> int:
    raise LookupError("no such trial")


def die_once(path: str) -> int:
    if not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return os.getpid()


def hang(path: str) -> int:
    open(f"{path}/{os.getpid()}", "w").close()
    time.sleep(600)
    return 0


def times(number: int) -> Callable[[], Action]:
    """Go on that often, then finish."""
    left: Iterator[None] = islice(iter(lambda: None, 0), number)
    return lambda: Action.DRAIN if next(left, 0) == 0 else Action.CONTINUE


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_function_is_called_until_it_is_enough(jobs):
    results: list[int | WorkerDied] = []
    enough = lambda: Action.DRAIN if len(results) >= 6 else Action.CONTINUE  # noqa: E731
    for result in run_workers(doubled, (3,), jobs, 1, enough):
        results.append(result)
    assert set(results) == {6}
    assert 6 <= len(results) < 6 + jobs  # the others finish what they began


@pytest.mark.parametrize("jobs", [1, 2])
def test_blas_threads_are_fixed(jobs):
    assert next(run_workers(blas_threads, (), jobs, 1, times(3))) == {1}


def test_one_job_runs_in_this_process():
    assert next(run_workers(process_id, (), 1, 1, times(2))) == os.getpid()
    assert os.getpid() not in set(run_workers(process_id, (), 2, 1, times(2)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_reaches_the_caller(jobs):
    with pytest.raises(LookupError, match="no such trial"):
        list(run_workers(refuse, (), jobs, 1, times(9)))


def test_a_killed_worker_takes_no_other_along_and_is_replaced(tmp_path):
    results = list(run_workers(die_once, (str(tmp_path / "died"),), 2, 1, times(12)))
    died = [result for result in results if isinstance(result, WorkerDied)]
    workers = {result for result in results if isinstance(result, int)}
    assert len(died) == 1
    assert len(workers) == 2  # the survivor, and who took the dead one's place


def test_a_worker_that_hangs_does_not_hold_up_the_end(tmp_path):
    started = lambda: len(list(tmp_path.iterdir())) == 2  # noqa: E731
    next_action = lambda: Action.STOP if started() else Action.CONTINUE  # noqa: E731
    assert list(run_workers(hang, (str(tmp_path),), 2, 1, next_action)) == []
    left = [p for p in psutil.Process().children(True) if (tmp_path / str(p.pid)).exists()]
    assert psutil.wait_procs(left, timeout=30)[1] == []


def stop_itself(path: str) -> int:
    open(f"{path}/{os.getpid()}", "w").close()
    os.kill(os.getpid(), signal.SIGSTOP)
    return 0


@pytest.mark.parametrize("how", [hang, stop_itself])
def test_a_caller_that_goes_away_leaves_no_worker_behind(tmp_path, how):
    started = lambda: len(list(tmp_path.iterdir())) == 2  # noqa: E731
    next_action = lambda: 1 / 0 if started() else Action.CONTINUE  # noqa: E731
    with pytest.raises(ZeroDivisionError):
        list(run_workers(how, (str(tmp_path),), 2, 1, next_action))
    assert not [p for p in psutil.Process().children(True) if (tmp_path / str(p.pid)).exists()]
