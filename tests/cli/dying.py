"""The command line, killed as by `kill -9` at a chosen point: python dying.py POINT ARGUMENTS."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Any

import mlflow.tracking
import optuna

import studyhall.search.study.claims
import studyhall.search.study.study
import studyhall.search.tracking.study_runs
import studyhall.search.tracking.tracker
import studyhall.search.training.record

delete: Callable[..., None] = shutil.rmtree


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """The function, after whose call number `calls` the process dies."""
    left = iter(range(calls - 1, -1, -1))

    def dying(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        if next(left) == 0:
            die()
        return result

    return dying


def half_delete(folder: Any, *arguments: Any, **options: Any) -> None:
    """Die in the middle of deleting a record; delete other folders."""
    if not os.path.exists(os.path.join(folder, "record.json")):
        return delete(folder, *arguments, **options)
    os.unlink(os.path.join(folder, "record.json"))
    die()


POINTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "study created": (optuna, "create_study", then_die(optuna.create_study, 1)),
    "study run opened": (
        studyhall.search.tracking.study_runs,
        "start_study",
        then_die(studyhall.search.tracking.study_runs.start_study, 1),
    ),
    "trial claimed": (
        studyhall.search.study.claims.Claims,
        "next",
        then_die(studyhall.search.study.claims.Claims.next, 4),
    ),
    "record stored": (
        studyhall.search.training.record,
        "store",
        then_die(studyhall.search.training.record.store, 4),
    ),
    "study told": (
        studyhall.search.study.study.Study,
        "finish",
        then_die(studyhall.search.study.study.Study.finish, 4),
    ),
    "run created": (
        studyhall.search.tracking.tracker.Tracker,
        "create_run",
        then_die(studyhall.search.tracking.tracker.Tracker.create_run, 3),
    ),
    "half sent": (
        mlflow.tracking.MlflowClient,
        "log_artifacts",
        then_die(mlflow.tracking.MlflowClient.log_artifacts, 4),
    ),
    "record half deleted": (shutil, "rmtree", half_delete),
}

if __name__ == "__main__":
    owner, name, dying = POINTS[sys.argv.pop(1)]
    setattr(owner, name, dying)
    from studyhall.search.cli.entry import main

    main()
