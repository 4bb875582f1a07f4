"""The pages of MLflow's UI that a study's results are on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from studyhall.search.common.addresses import without_password
from studyhall.search.common.pages import Pages

if TYPE_CHECKING:
    from studyhall.search.config.study_spec import StudySection

LOCAL = "http://127.0.0.1:5000"  # where `studyhall ui` serves a folder's own runs
_TRAINING = "workflowType=machine_learning"  # without it the UI is about traces of agents
_SQLITE, _DATABASE = "sqlite:///", "mlflow.db"  # where MLflow looks if it is told of no other place
VIEW = "studyhall"  # the shared view of an experiment, see `studyhall.search.tracking.study_view`


def ui_address(uri: str) -> str:
    """A server's address as it may be shown: without the name and password of a user."""
    parts = urlsplit(uri.rstrip("/"))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def run_route(experiment_id: str, run_id: str) -> str:
    """The address of a run within the UI."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def pages_of(
    uri: str, experiment_id: str, run_id: str, study: StudySection, version: str | None
) -> Pages:
    """Where a study is in MLflow's UI.

    Args:
        uri: MLflow's address.
        experiment_id: The study's experiment.
        run_id: The study's run.
        study: Its name, which the registered model has too, and which values are better.
        version: The champion's version, if there is one.
    """
    served = urlsplit(uri).scheme in ("http", "https")
    base = ui_address(uri) if served else LOCAL
    runs = f"{base}/#/experiments/{experiment_id}/runs"
    return Pages(
        runs=f"{runs}?{_TRAINING}&viewStateShareKey={VIEW}",
        charts=f"{runs}?{_TRAINING}&{_trials(study)}",
        study=f"{base}/{run_route(experiment_id, run_id)}?{_TRAINING}",
        champion=f"{base}/#/models/{quote(study.name)}/versions/{version}" if version else None,
        served=served,
        command=None if served else _command(uri),
    )


def _command(uri: str) -> str:
    """What serves a database's runs; the password of its address is not told."""
    store = uri.removeprefix(_SQLITE)
    if store != uri and Path(store).absolute() == Path(_DATABASE).absolute():
        return "studyhall ui"
    return f"studyhall ui --tracking-uri {shlex.quote(without_password(uri))}"


def _trials(study: StudySection) -> str:
    """What has the UI show a study's trials, the best first."""
    wanted = {
        "searchFilter": "tags.`studyhall.kind` = 'trial'",
        "orderByKey": "metrics.`value`",
        "orderByAsc": "true" if study.direction == "minimize" else "false",
        "compareRunsMode": "CHART",
    }
    return urlencode(wanted, quote_via=quote)
