"""Studies that were run, read from the storage without changing it."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from search.addresses import shown
from search.errors import UsageError
from search.finalists import with_finals
from search.ledger import Ledger, read_ledger
from search.mlflow_database import missing
from search.options import Options
from search.storage import read_storage
from search.studies import recorded_fingerprint, recorded_study, study_names
from search.study import Study
from search.study_file import shipped_studies
from search.summary import StudySummary, summarize
from search.tracking import TEST_FINGERPRINT, find_experiment, open_client, search_runs

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_ELSEWHERE = "name the address that the study was launched with, or set MLFLOW_TRACKING_URI"


def recorded_summaries(storage: Path | str | None) -> list[StudySummary]:
    """Where every recorded study stands; none if nothing was run here yet."""
    opened = read_storage(Options(storage=storage).address)
    studies = (recorded_study(opened, name) for name in sorted(study_names(opened)))
    return [summary_of(opened, study) for study in studies if study is not None]


def recorded_summary(name: str, storage: Path | str | None = None) -> StudySummary:
    """Where one recorded study stands.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    opened = read_storage(Options(storage=storage).address)
    return summary_of(opened, open_recorded(name, opened))


def summary_of(storage: BaseStorage, study: Study) -> StudySummary:
    """Where a study of a storage stands, with its finalists."""
    return with_finals(summarize(study), study, storage)


def open_recorded(name: str, storage: BaseStorage) -> Study:
    """Open a recorded study.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    if study := recorded_study(storage, name):
        return study
    if name in shipped_studies():
        raise UsageError(f"{name}: no trial was run here yet; start with `studyhall launch {name}`")
    here = (n for n in study_names(storage) if recorded_study(storage, n))
    known = sorted({*here, *shipped_studies()})
    near = " or ".join(f"'{n}'" for n in get_close_matches(name, known, n=3, cutoff=0.5) or known)
    raise UsageError(f"{name}: unknown study; did you mean {near}?")


def recorded_ledger(
    name: str, storage: Path | str | None = None, tracking_uri: str | None = None
) -> Ledger:
    """Every reading of a recorded study's test split, by itself and by others.

    Args:
        name: The study.
        storage: Where it is kept; by default in the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: MLflow's address is not where the study is recorded, or nothing answers there.
        StudyhallError: MLflow does not answer later on.
    """
    opened = read_storage(Options(storage=storage).address)
    study, fingerprint = open_recorded(name, opened), recorded_fingerprint(opened, name)
    if path := missing(tracking_uri):  # opening it would leave an empty one behind
        raise UsageError(f"--tracking-uri: there is no MLflow database {path}; {_ELSEWHERE}")
    client = open_client(tracking_uri)
    experiment_id = find_experiment(client, study.experiment)
    if experiment_id is None:
        place = shown(client.tracking_uri)
        raise UsageError(
            f"--tracking-uri: {place} has no experiment {study.experiment}; {_ELSEWHERE}"
        )
    wanted = f"tags.`studyhall.kind` = 'study' and tags.`studyhall.study_id` = '{study.study_id}'"
    runs = search_runs(client, experiment_id, wanted, deleted=True)
    test = next((run.data.tags.get(TEST_FINGERPRINT, "") for run in runs), "")
    return read_ledger(client, experiment_id, fingerprint or "", test)
