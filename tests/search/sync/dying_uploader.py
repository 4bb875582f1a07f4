"""An uploader, killed as by `kill -9` at a chosen step: dying_uploader.py STEP URI NAME OUTBOX."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import studyhall.search.common.atomic_files
import studyhall.search.sync.outbox
import studyhall.search.tracking.tracker
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.tracker import Tracker
from tests.search.tracked import open_tracker, sending
from tests.waiting import PATIENCE


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(function: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*arguments: Any, **options: Any) -> None:
        function(*arguments, **options)
        die()

    return dying


def main(step: str, uri: str, name: str, folder: str) -> None:
    tracker = open_tracker(uri, name)
    client: Any = tracker.client
    notes = iter((lambda: None, die))
    note_run = Outbox.note_run

    def second_note_kills(*arguments: Any, **options: Any) -> None:
        note_run(*arguments, **options)
        next(notes)()

    steps: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "run about to be created": (client, "create_run", die),
        "run created": (client, "create_run", then_die(client.create_run)),
        "run noted": (Outbox, "note_run", second_note_kills),
        "data logged": (Tracker, "log_data", then_die(Tracker.log_data)),
        "points logged": (Tracker, "log_points", then_die(Tracker.log_points)),
        "artifacts laid out": (
            studyhall.search.tracking.tracker,
            "lay_out",
            then_die(studyhall.search.tracking.tracker.lay_out),
        ),
        "batch logged": (client, "log_artifacts", die),
        "artifacts logged": (client, "log_artifacts", then_die(client.log_artifacts)),
        "run ended": (client, "set_terminated", then_die(client.set_terminated)),
        "record about to be deleted": (studyhall.search.sync.outbox, "discard", die),
        "record hidden": (studyhall.search.common.atomic_files.shutil, "rmtree", die),
        "record deleted": (Outbox, "forget_run", die),
    }
    setattr(*steps[step])
    with sending(tracker, Outbox(Path(folder))) as uploader:
        uploader.drain(PATIENCE)


if __name__ == "__main__":
    main(*sys.argv[1:])
