"""How a study is run; nothing here changes its results, but for the number of BLAS threads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from studyhall.search.common.addresses import HOME, JOURNAL, resolved


def usable_cores() -> int:
    """How many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Options:
    """Where a study is kept and how much of the machine it gets.

    Attributes:
        jobs: worker processes, by default one for each core that may be used; 1 trains in the
            calling process.
        timeout: seconds after which no further trial starts; None for no limit.
        fresh: set earlier trials of the same name aside and start over.
        attempts: workers in a row that a trial may bring down before it is failed.
        preflight: refuse networks that fail the sanity checks.
        data_dir: folder or archive to take the data set from.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.
        storage: the journal file of studies and trials, or the address of a PostgreSQL database;
            by default a journal in `folder`.
        folder: the working folder.
        cluster: the address of a Dask cluster's scheduler, whose workers do the trials; `jobs` is
            then how many at once, by default all.
        stops: how often the study had been asked to stop when this launch was asked for; by default
            when it begins.
        blas_threads: threads of the matrix products in each worker; the last bits of a result
            depend on them, so that a study keeps to one number.
    """

    jobs: int | None = None
    timeout: float | None = None
    fresh: bool = False
    attempts: int = 5
    preflight: bool = True
    data_dir: Path | str | None = None
    tracking_uri: str | None = None
    storage: Path | str | None = None
    folder: Path | str = field(default_factory=Path.cwd)
    cluster: str | None = None
    stops: int | None = None
    blas_threads: int = 1

    @property
    def workers(self) -> int:
        """How many worker processes of this machine do the trials."""
        return self.jobs or usable_cores()

    @property
    def address(self) -> Path | str:
        """What records studies and trials: a journal's absolute path or a database's address."""
        return resolved(self.storage or Path(self.folder) / JOURNAL)

    @property
    def home(self) -> Path:
        """Where locks are, and the records that MLflow does not have yet.

        Beside the journal; in the working folder if a database records the trials.
        """
        address = self.address
        folder = address.parent if isinstance(address, Path) else Path(self.folder).resolve()
        return folder / HOME
