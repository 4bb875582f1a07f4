"""The addresses of MLflow's pages that a launch ends with."""

from __future__ import annotations

import pytest

from studyhall.search.cli.study_view import print_pages
from studyhall.search.config.study_spec import StudySection
from studyhall.search.tracking.pages import LOCAL, pages_of

STUDY = StudySection(name="s", trials=1)


def test_a_servers_pages_are_its_own_without_the_password():
    pages = pages_of("https://ann:secret@host:5000/mlflow/", "7", "run", STUDY, "2")
    assert pages.served
    for page in (pages.runs, pages.charts, pages.study, pages.champion):
        assert page is not None
        assert page.startswith("https://host:5000/mlflow/#/")
    assert pages.champion == "https://host:5000/mlflow/#/models/s/versions/2"


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
    assert pages.to_dict()["command"] == command
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
