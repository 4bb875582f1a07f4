"""The job of a worker: everything it needs to run the trials of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from studyhall.search.common.addresses import without_password
from studyhall.search.config.study_spec import StudySpec


@dataclass(frozen=True)
class Job:
    """Everything that a worker needs for the trials of a study: names and settings, nothing open.

    Attributes:
        spec: The study.
        storage: The journal or the address of the database.
        outbox: The folder of the records to upload.
        data_folder: The folder of the data.
        tags: The tags of every trial's run.
        attempts: How many workers in a row may die at a trial before it is failed.
        last: How many of the study's last trials are begun longest first.
        sealed: The paths of the user's data on this machine, which hold the test split.
    """

    spec: StudySpec
    storage: Path | str
    outbox: Path
    data_folder: Path
    tags: Mapping[str, str]
    attempts: int
    last: int = 0
    sealed: tuple[str, ...] = ()

    def handed_on(self) -> Job:
        """The job for other machines: without the password of the storage."""
        if isinstance(self.storage, Path):
            return self
        return replace(self, storage=without_password(self.storage))
