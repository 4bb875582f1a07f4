"""A recorded study opened again, with its data and its runs, by its name alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from search.datasets import fetch
from search.errors import UsageError
from search.observer import Observer
from search.options import Options
from search.own_versions import version_of
from search.recorded import recorded_summary
from search.same_data import require_same_data
from search.storage import open_storage
from search.studies import recorded_study
from search.study import Study
from search.tracked_study import TrackedStudy, track, tracked_data
from search.tracking import TrackedData, open_client

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from optuna.storages import BaseStorage


class Opened(NamedTuple):
    """A study, MLflow's client, and the study's data with the folder that they are in."""

    study: Study
    client: MlflowClient
    data: TrackedData
    folder: Path


def reopen(name: str, options: Options, observer: Observer) -> TrackedStudy:
    """Open a recorded study with its runs, which are created if there are none.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
    """
    storage = open_storage(options.address)
    return track(*recorded(storage, name, options, observer), options)


def recorded(storage: BaseStorage, name: str, options: Options, observer: Observer) -> Opened:
    """A recorded study, with what its runs are opened with.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
    """
    recorded_summary(name, options.address)  # says what is wrong with the name
    study = recorded_study(storage, name)
    if study is None:
        raise UsageError(f"{name}: another program's study has that name")
    client, settings = open_client(options.tracking_uri), study.spec.data_settings
    folder = version_of(settings, study.data_fingerprint)
    if folder is None:
        folder = fetch(settings, data_dir=options.data_dir, progress=observer.fetching)
        require_same_data(folder, settings, study.data_fingerprint)
    return Opened(study, client, tracked_data(study.spec, folder), folder)
