"""What a worker needs to run the trials of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from studyhall.search.common.addresses import without_password
from studyhall.search.config.study_spec import StudySpec


@dataclass(frozen=True)
class Job:
    """All that a worker needs for the trials of a study: names and settings, no open engine.

    `attempts` is how many workers in a row a trial may bring down before it is failed; `last` is
    how many of the study's last trials are begun in the order of what they cost; `sealed` is where
    the machine has the data that the user named.
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
        """The job as other machines may see it: without the password of the storage."""
        if isinstance(self.storage, Path):
            return self
        return replace(self, storage=without_password(self.storage))
