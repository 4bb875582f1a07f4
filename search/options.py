"""How a study is run; nothing here changes its results."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from search.storage import JOURNAL


@dataclass(frozen=True)
class Options:
    """Where a study is kept and how much of the machine it gets.

    Attributes:
        jobs: worker processes; 1 trains in the calling process.
        timeout: seconds after which no further trial starts; None for no limit.
        fresh: set earlier trials of the same name aside and start over.
        data_dir: folder or archive to take the data set from.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.
        storage: the journal file of studies and trials; by default in `folder`.
        folder: the working folder.
        blas_threads: threads of the matrix products in each worker.
    """

    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    timeout: float | None = None
    fresh: bool = False
    data_dir: Path | None = None
    tracking_uri: str | None = None
    storage: Path | None = None
    folder: Path = field(default_factory=Path.cwd)
    blas_threads: int = 1

    @property
    def journal(self) -> Path:
        """The file that records studies and trials."""
        return (self.storage or self.folder / JOURNAL).resolve()

    def home(self, name: str) -> Path:
        """Where a study keeps its lock, and the records that MLflow does not have yet."""
        return (self.folder / ".studyhall" / name).resolve()
