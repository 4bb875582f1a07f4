"""The processes of a local pool: their actions, their results, and what follows a kill."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice

import joblib.externals.loky.process_executor  # noqa: F401  before the folder has a file of its name
import psutil
import pytest
import threadpoolctl

from studyhall.search.workers.local_pool import WORKER_KILLED, run_workers
from studyhall.search.workers.pool import Action
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("working_folder")


def doubled(number: int) -> int:
    return 2 * number


def blas_threads() -> set[int]:
    import numpy  # noqa: F401  its BLAS is what is counted

    pools = threadpoolctl.threadpool_info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


def module_path() -> tuple[str, ...]:
    return tuple(sys.path)


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
    results: list[int | str] = []
    enough = lambda: Action.DRAIN if len(results) >= 6 else Action.CONTINUE  # noqa: E731
    for result in run_workers(doubled, (3,), jobs, 1, enough):
        results.append(result)
    assert set(results) == {6}
    assert 6 <= len(results) < 6 + jobs  # the others finish what they began


@pytest.mark.parametrize("jobs", [1, 2])
def test_blas_threads_are_fixed(jobs):
    assert next(run_workers(blas_threads, (), jobs, 1, times(3))) == {1}


def test_workers_take_no_file_of_the_working_folder_for_a_module(working_folder, monkeypatch):
    names = ("queue", "random", "platform", "pickle", "numpy", "joblib", "studyhall")
    for name in names:
        text = f"raise SystemExit(open({str(working_folder / 'taken')!r}, 'a').write({name!r}))"
        (working_folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend("")  # as in a notebook
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    found = next(run_workers(module_path, (), 2, 1, times(2)))
    assert not {"", str(working_folder)} & set(found)
    assert not (working_folder / "taken").exists()
    assert sys.path[0] == ""
    assert os.environ["PYTHONPATH"] == os.pathsep
    assert "PYTHONSAFEPATH" not in os.environ


def test_one_job_runs_in_this_process():
    assert next(run_workers(process_id, (), 1, 1, times(2))) == os.getpid()
    assert os.getpid() not in set(run_workers(process_id, (), 2, 1, times(2)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_reaches_the_caller(jobs):
    with pytest.raises(LookupError, match="no such trial"):
        list(run_workers(refuse, (), jobs, 1, times(9)))


def test_a_killed_worker_takes_no_other_along_and_is_replaced(tmp_path):
    results: list[int | str] = []
    workers: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    more = lambda: len(workers) < 2 and time.monotonic() < deadline  # noqa: E731
    next_action = lambda: Action.CONTINUE if more() else Action.DRAIN  # noqa: E731
    for result in run_workers(die_once, (str(tmp_path / "died"),), 2, 1, next_action):
        results.append(result)
        workers |= {result} if isinstance(result, int) else set()
    assert results.count(WORKER_KILLED) == 1
    assert len(workers) == 2  # the survivor, and the replacement of the worker that died


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
