"""A study, its records on disk and MLflow, brought in line after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path

from search.record import read
from search.study import Study
from search.tracker import Tracker


def put_in_order(study: Study, tracker: Tracker, spool: Path) -> None:
    """Put right what a launch left behind; only with the study's lock held, and no trial running.

    Runs of trials that did not end are deleted: those trials are done again. A trial whose record
    is whole has ended, whether or not the study had learned of it; its record is sent.

    Args:
        study: The study.
        tracker: Its runs in MLflow.
        spool: The folder in which records wait.

    Raises:
        StudyhallError: MLflow does not take a record; it keeps waiting.
    """
    for half_done in spool.glob(".*"):
        shutil.rmtree(half_done)
    trials, folders = study.trials(), waiting_records(spool)
    for folder in folders:
        record = read(folder)
        study.finish(record, trials[record.number]._trial_id)
    tracker.delete_unfinished()
    for folder in folders:
        tracker.send_again(folder)


def waiting_records(spool: Path) -> list[Path]:
    """The records that wait to be sent, in the order of the trials."""
    return sorted(spool.glob("trial-*"))
