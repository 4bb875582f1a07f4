"""The pages of MLflow's UI that a launch ends with, and the names that a user may give a run."""

from __future__ import annotations

import pytest

from studyhall import UsageError
from studyhall.search.cli.study_view import print_pages
from studyhall.search.config.study_spec import StudySection
from studyhall.search.tracking.mlflow_ui import LOCAL, RunAddress, pages_of, parse_run

STUDY = StudySection(name="s", trials=1)


def test_a_servers_pages_are_its_own_without_the_password():
    pages = pages_of("https://ann:secret@host:5000/mlflow/", "7", "run", STUDY, ("cifar10", "2"))
    assert pages.served
    for page in (pages.runs, pages.charts, pages.study, pages.champion):
        assert page is not None
        assert page.startswith("https://host:5000/mlflow/#/")
    assert pages.champion == "https://host:5000/mlflow/#/models/cifar10/versions/2"


def test_a_folders_pages_are_where_the_ui_serves_them():
    pages = pages_of("sqlite:///mlflow.db", "7", "run", STUDY, None)
    assert not pages.served
    assert pages.champion is None
    assert pages.study.startswith(f"{LOCAL}/#/experiments/7/runs/run")


@pytest.mark.parametrize(
    ("uri", "command"),
    [
        ("sqlite:///mlflow.db", "studyhall ui"),
        ("sqlite:///{here}/mlflow.db", "studyhall ui"),
        ("sqlite:////srv/mlflow.db", "studyhall ui --tracking-uri sqlite:////srv/mlflow.db"),
        ("sqlite:///my runs.db", "studyhall ui --tracking-uri 'sqlite:///my runs.db'"),
        ("postgresql://ann:secret@db/m", "studyhall ui --tracking-uri postgresql://ann@db/m"),
        ("http://host:5000", None),
    ],
)
def test_what_serves_the_pages_is_told_without_the_password(
    tmp_path, monkeypatch, capsys, uri, command
):
    monkeypatch.chdir(tmp_path)
    pages = pages_of(uri.format(here=tmp_path), "7", "run", STUDY, None)
    assert pages.command == command
    print_pages(pages)
    said = f"to browse: run {command}, then open\n" if command else "  runs "
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("metric", "direction", "ascending"),
    [("validation_accuracy", "maximize", "false"), ("validation_loss", "minimize", "true")],
)
def test_the_charts_have_the_best_trials_first(metric, direction, ascending):
    study = StudySection(name="s", trials=1, metric=metric, direction=direction)
    charts = pages_of("sqlite:///mlflow.db", "7", "run", study, None).charts
    assert f"&orderByKey=metrics.%60value%60&orderByAsc={ascending}&" in charts


RUN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        (RUN, None),
        (f"runs:/{RUN}", None),
        (f"runs:/{RUN}/model", None),
        (f"http://127.0.0.1:5000/#/experiments/1/runs/{RUN}", "http://127.0.0.1:5000"),
        (f"http://127.0.0.1:5000/#/experiments/1/runs/{RUN}/artifacts", "http://127.0.0.1:5000"),
        (f"http://h/#/experiments/1/runs/{RUN}/artifacts/model/data", "http://h"),
        (f"https://h:80/mlflow/#/experiments/1/runs/{RUN}?tab=x", "https://h:80/mlflow"),
    ],
)
def test_a_run_has_many_names(text, server):
    assert parse_run(text) == RunAddress(RUN, server)


@pytest.mark.parametrize(
    "text",
    ["", "runs:/", "a b", "small.toml", f"models:/{RUN}", f"{RUN}/artifacts", "http://h/#/experiments/1",
     f"http://h/experiments/1/runs/{RUN}", f"file:///#/experiments/1/runs/{RUN}"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_run(text)
    assert str(refused.value) == (
        "RUN: must be the id of a run, runs:/ID, or the address of one run in MLflow's UI, "
        f"got '{text}'"
    )


@pytest.mark.parametrize(
    ("tracking_uri", "stores"), [(None, [None, "http://h"]), ("sqlite:///x.db", ["sqlite:///x.db"])]
)
def test_what_the_user_names_is_the_only_store_that_is_asked(tracking_uri, stores):
    assert RunAddress(RUN, "http://h").stores(tracking_uri) == stores
    assert RunAddress(RUN).stores(tracking_uri) == [tracking_uri]
