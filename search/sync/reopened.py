"""A recorded study opened again, with its data and its runs, by its name alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.data.datasets import fetch
from studyhall.search.data.recorded_data import require_same_data, version_of
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import recorded_summary
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.study.study import Study
from studyhall.search.sync.tracked_study import TrackedStudy, track, tracked_data
from studyhall.search.tracking.tracking import TrackedData, open_client

if TYPE_CHECKING:
    from studyhall.search.study.storage import BaseStorage
    from studyhall.search.tracking.tracking import MlflowClient


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
