"""The addresses of MLflow's pages that a launch ends with."""

from __future__ import annotations

from search.pages import LOCAL, pages_of


def test_a_servers_pages_are_its_own_without_the_password():
    pages = pages_of("https://ann:secret@host:5000/mlflow/", "7", "run", "a b", "2")
    assert pages.served
    for page in (pages.runs, pages.charts, pages.study, pages.champion):
        assert page is not None
        assert page.startswith("https://host:5000/mlflow/#/")
    assert pages.champion == "https://host:5000/mlflow/#/models/a%20b/versions/2"


def test_a_folders_pages_are_where_the_ui_serves_them():
    pages = pages_of("sqlite:///mlflow.db", "7", "run", "s", None)
    assert not pages.served
    assert pages.champion is None
    assert pages.study.startswith(f"{LOCAL}/#/experiments/7/runs/run")
