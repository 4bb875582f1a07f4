"""The folder in which the records of a study's trials wait until MLflow has them.

Of attempt 1 at trial 7 there may be

    trial-0007.1        its record, a folder that is whole or not there
    trial-0007.1.live   its points so far, a JSON line each, while it trains
    trial-0007.1.run    the run in MLflow that it was, or is about to be, given

and hidden names, of what is being written or deleted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from studyhall.search.common.atomic_files import discard, sweep, write_whole

_NAME = re.compile(r"trial-(\d{4,})\.(\d+)(\.live|\.run)?")


class RunNote(BaseModel):
    """Which run an attempt has in MLflow.

    `run_id` is missing while the run is being created: it may exist or not. `doubtful` says that
    its creation was once in doubt, so that a second one may turn up; `files_only` that the run has
    all but its files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str | None
    doubtful: bool = False
    files_only: bool = False


@dataclass(frozen=True, order=True)
class Waiting:
    """What waits of one attempt at a trial: its record, or the points of its training so far."""

    number: int
    attempt: int
    record: bool
    live: bool


class Outbox:
    """The records of one study; several processes may write to it.

    Args:
        folder: The outbox's own folder, which is made when something is first written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, number: int, attempt: int) -> Path:
        """The folder of an attempt's record."""
        return self.folder / f"trial-{number:04d}.{attempt}"

    def live(self, number: int, attempt: int) -> Path:
        """The file of an attempt's points."""
        return self.folder / f"trial-{number:04d}.{attempt}.live"

    def waiting(self) -> list[Waiting]:
        """What waits, in the order of the trials and attempts."""
        found: dict[tuple[int, int], set[str]] = {}
        for number, attempt, kind in self._names():
            found.setdefault((number, attempt), set()).add(kind)
        return sorted(
            Waiting(number, attempt, "" in kinds, ".live" in kinds)
            for (number, attempt), kinds in found.items()
        )

    def records(self) -> list[Waiting]:
        """The attempts whose records wait, in the order of the trials and attempts."""
        return [waiting for waiting in self.waiting() if waiting.record]

    def run_note(self, number: int, attempt: int) -> RunNote | None:
        """What is known of an attempt's run; a file that cannot be read says that it is in doubt.

        Raises:
            OSError: the file is there and the disk does not give it.
        """
        try:
            return RunNote.model_validate_json(self._run(number, attempt).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            return RunNote(run_id=None, doubtful=True)

    def note_run(self, number: int, attempt: int, note: RunNote) -> None:
        """Keep what is known of an attempt's run.

        Raises:
            OSError: the disk does not take it.
        """
        write_whole(self._run(number, attempt), note.model_dump_json().encode())

    def forget_run(self, number: int, attempt: int) -> None:
        """Forget an attempt's run, which MLflow no longer has."""
        self._run(number, attempt).unlink(missing_ok=True)

    def remove(self, number: int, attempt: int) -> None:
        """Delete all that waits of an attempt.

        The record goes first and the name of its run last: whoever finds the rest after a crash
        can tell that the record was dealt with, and in which run.
        """
        if (record := self.path(number, attempt)).exists():
            discard(record)
        self.live(number, attempt).unlink(missing_ok=True)
        self.forget_run(number, attempt)

    def sending_lock(self) -> FileLock:
        """The lock that whoever sends from the outbox holds; the system frees it when he dies."""
        return FileLock(self.folder / "sending.lock", timeout=0)

    def sweep(self) -> None:
        """Delete what dead processes left half written or half deleted."""
        sweep(self.folder)

    def _run(self, number: int, attempt: int) -> Path:
        return self.folder / f"trial-{number:04d}.{attempt}.run"

    def _names(self) -> Iterator[tuple[int, int, str]]:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return
        for name in names:
            if matched := _NAME.fullmatch(name):
                yield int(matched[1]), int(matched[2]), matched[3] or ""
