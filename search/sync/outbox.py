"""The folder in which the records of a study's trials are kept until MLflow has them.

Of attempt 1 at trial 7 there may be

    trial-0007.1        its record, a folder that is whole or not there
    trial-0007.1.live   its points so far, a JSON line each, while it trains
    trial-0007.1.run    its run in MLflow, noted before that run is created

and hidden names, of files that are being written or deleted.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from studyhall.search.common.atomic_files import discard, sweep, write_whole

_NAME = re.compile(r"trial-(\d{4,})\.(\d+)(?:\.live|\.run)?")


class _RunFile(BaseModel):
    """What a `.run` file holds: fields of `OutboxEntry`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str | None
    doubtful: bool = False
    files_only: bool = False


@dataclass(frozen=True, order=True)
class OutboxEntry:
    """What an outbox holds of one attempt at a trial; entries are equal whatever run they have.

    Attributes:
        number: The trial.
        attempt: The attempt at it, from 1.
        record: Whether its record is there.
        live: Whether the points of its training so far are there.
        run_noted: Whether it has a run in MLflow, or one that is about to be created.
        run_id: That run; None while it is being created, when it may exist or not.
        doubtful: Whether a creation once got no answer, so that a second run may turn up.
        files_only: Whether the run has everything but its files.
    """

    number: int
    attempt: int
    record: bool
    live: bool
    run_noted: bool = field(default=False, compare=False)
    run_id: str | None = field(default=None, compare=False)
    doubtful: bool = field(default=False, compare=False)
    files_only: bool = field(default=False, compare=False)

    @property
    def may_have_strays(self) -> bool:
        """Whether MLflow may have a run of the attempt that is not noted here."""
        return self.run_noted and (self.run_id is None or self.doubtful)


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

    def entries(self) -> list[OutboxEntry]:
        """All entries, in the order of the trials and attempts.

        A run that the disk does not give makes its own entry doubtful, and hides no other one.
        """
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        matched = [match for name in names if (match := _NAME.fullmatch(name))]
        keys = {(int(match[1]), int(match[2])) for match in matched}
        return [self._listed(*key) for key in sorted(keys)]

    def entry(self, number: int, attempt: int) -> OutboxEntry:
        """The entry of one attempt; one that is not there holds nothing.

        Raises:
            OSError: a file is there and the disk does not give it.
        """
        record, live = self.path(number, attempt), self.live(number, attempt)
        noted = self._noted(number, attempt)
        return OutboxEntry(number, attempt, record.exists(), live.exists(), **noted)

    def _listed(self, number: int, attempt: int) -> OutboxEntry:
        try:
            return self.entry(number, attempt)
        except OSError:
            record, live = self.path(number, attempt), self.live(number, attempt)
            return OutboxEntry(
                number, attempt, record.exists(), live.exists(), run_noted=True, doubtful=True
            )

    def records(self) -> list[OutboxEntry]:
        """The entries that have a record, in the order of the trials and attempts."""
        return [entry for entry in self.entries() if entry.record]

    def note_run(
        self,
        number: int,
        attempt: int,
        run_id: str | None,
        *,
        doubtful: bool = False,
        files_only: bool = False,
    ) -> None:
        """Note an attempt's run; the arguments are those of `OutboxEntry`.

        Raises:
            OSError: the disk does not take it.
        """
        noted = _RunFile(run_id=run_id, doubtful=doubtful, files_only=files_only)
        write_whole(self._run(number, attempt), noted.model_dump_json().encode())

    def forget_run(self, number: int, attempt: int) -> None:
        """Forget an attempt's run, which MLflow no longer has."""
        self._run(number, attempt).unlink(missing_ok=True)

    def remove(self, number: int, attempt: int) -> None:
        """Delete all files of an attempt.

        The record goes first and the name of its run last, so that a process which finds the rest
        after a crash can tell that the record was dealt with, and in which run.
        """
        if (record := self.path(number, attempt)).exists():
            discard(record)
        self.live(number, attempt).unlink(missing_ok=True)
        self.forget_run(number, attempt)

    def upload_lock(self) -> FileLock:
        """The lock of the one process that uploads; the system frees it when the process ends."""
        return FileLock(self.folder / "sending.lock", timeout=0)

    def sweep(self) -> None:
        """Delete what dead processes left half written or half deleted."""
        sweep(self.folder)

    def _run(self, number: int, attempt: int) -> Path:
        return self.folder / f"trial-{number:04d}.{attempt}.run"

    def _noted(self, number: int, attempt: int) -> dict[str, Any]:
        """The fields of an entry that its `.run` file has; one that cannot be read is doubtful."""
        try:
            noted = _RunFile.model_validate_json(self._run(number, attempt).read_bytes())
        except FileNotFoundError:
            return {}
        except ValidationError:
            noted = _RunFile(run_id=None, doubtful=True)
        return {"run_noted": True, **noted.model_dump()}
