"""Options of a launch; only the number of BLAS threads changes results."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from studyhall.search.common.addresses import HOME, JOURNAL, resolved


def usable_cores() -> int:
    """The number of cores that this process may use; a machine can have more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Options:
    """Where a study is stored and how it is run.

    Attributes:
        jobs: worker processes, by default one per usable core; 1 trains in the calling process.
        timeout: seconds after which no new trial starts; None for no limit.
        fresh: set an earlier study of the same name aside and start over.
        attempts: the number of workers in a row that die with a trial before it is failed.
        preflight: refuse networks that fail the sanity checks.
        data_dir: folder or archive to take the data set from.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.
        storage: the journal file of studies and trials, or the address of a PostgreSQL database;
            by default a journal in `folder`.
        folder: the working folder.
        cluster: the address of a Dask cluster's scheduler, whose workers then run the trials;
            `jobs` is the number of them at a time, by default all.
        stops: the number of stop requests that the study had before this launch; by default those
            before it begins.
        blas_threads: threads of the matrix products in each worker; the last bits of a result
            depend on them, so a study always has the same number.
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
        """The number of worker processes on this machine."""
        return self.jobs or usable_cores()

    @property
    def address(self) -> Path | str:
        """The storage of studies and trials: a journal's absolute path or a database's address."""
        return resolved(self.storage or Path(self.folder) / JOURNAL)

    @property
    def home(self) -> Path:
        """The folder of locks, and of records that are not in MLflow yet.

        It lies beside the journal, or in the working folder if a database stores the trials.
        """
        address = self.address
        folder = address.parent if isinstance(address, Path) else Path(self.folder).resolve()
        return folder / HOME
