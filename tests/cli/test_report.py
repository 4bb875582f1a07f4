"""The report, table and comparison of a real study: with its runs, images and test result."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from studyhall.search.reports.report import write_report
from tests.cli.record import child_runs, client_of, runs_by_trial
from tests.cli.spoiling import Recorded, copy_of
from tests.cli.test_bad_input import complaints
from tests.search.reports.parsed_page import Page, parsed


@pytest.fixture(scope="module")
def told(mixed, tmp_path_factory) -> Recorded:
    """A judged study with every kind of trial, and its reports."""
    copy = copy_of(mixed, tmp_path_factory.mktemp("told") / "copy")
    copy.workspace.run("evaluate", "small")
    copy.workspace.run("report", "small")
    return copy


@pytest.fixture(scope="module")
def page(told) -> Page:
    return parsed((told.workspace.folder / "small-report.html").read_bytes())


def test_the_run_of_the_study_has_the_page_too(told):
    (run,) = child_runs(told.workspace, "small", kind="study")
    file = told.workspace.folder / "small-report.html"
    assert told.artifact(run, "report/report.html").read_bytes() == file.read_bytes()


def test_every_section_is_there(page):
    assert page.titles == {
        *("summary", "best", "search", "curves", "gallery", "verdict", "readings"),
        *("trials", "cost", "environment", "reproduce"),
    }


def test_the_gallery_has_the_first_layer_of_each_trial_that_left_weights(told, page):
    runs = child_runs(told.workspace, "small")
    drawn = {
        int(run.data.tags["studyhall.trial"])
        for run in runs
        if told.artifact(run, "first_layer.png").exists()
    }
    assert len(drawn) > 5
    tiles = [i for i in page.all("img") if str(i["src"]).startswith("data:image/jpeg")]
    assert {int(str(tile["alt"]).rpartition(" ")[2]) for tile in tiles} == drawn
    best = told.workspace.json("best", "small")["trial"]
    assert tiles[0]["alt"] == f"First-layer weights of trial {best}"


def test_the_verdict_is_that_of_the_evaluation(told, page):
    (run,) = child_runs(told.workspace, "small", kind="evaluation")
    accuracy = run.data.metrics["test_accuracy"]
    assert f"an accuracy of {accuracy:.4f}" in page.text
    images = [i for i in page.all("img") if i.get("class") == "image"]
    assert len(images) == 2
    assert "The test set was evaluated once." in page.text


def test_markdown_tells_each_trial_and_the_surroundings(told):
    printed, _ = told.workspace.run("report", "small", "--markdown", "--output", "told.md")
    assert printed.startswith("small: report in told.md (")
    text = (told.workspace.folder / "told.md").read_text()
    for run in child_runs(told.workspace, "small"):
        tags = run.data.tags
        assert f"\n| {tags['studyhall.trial']} | {tags['studyhall.state']} |" in text
        assert tags["studyhall.machine.blas"].replace("_", "\\_") in text
        assert tags["studyhall.data_fingerprint"] in text
    assert complaints(told.workspace, "report", "small", "--markdown", "--output", "told.md") == [
        "--output: told.md already exists; name another file, or replace it with --force"
    ]


def test_a_table_names_the_run_of_each_trial(told):
    printed, _ = told.workspace.run("export", "small", "small.csv")
    assert printed == "10 trials written to small.csv\n"
    table = pd.read_csv(told.workspace.folder / "small.csv")
    runs = runs_by_trial(told.workspace, "small")
    assert dict(zip(table["number"], table["run_id"], strict=True)) == runs
    for _, row in table.iterrows():
        run = client_of(told.workspace).get_run(row["run_id"])
        assert row["state"] == run.data.tags["studyhall.state"]
        assert float(run.data.params["l2"]) == row["parameter.l2"]
        started = pd.Timestamp(run.info.start_time, unit="ms", tz="UTC")
        assert abs(pd.Timestamp(row["started"]) - started) < pd.Timedelta(seconds=30)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["export", "small", "small.toml"],
            [
                "FILE: must end with .csv or .parquet, got 'small.toml'",
                "FILE: small.toml already exists; name another file, or replace it with --force",
            ],
        ),
        (
            ["report", "smal"],
            ["No study named 'smal'. Did you mean 'small'? `studyhall list` shows all."],
        ),
    ],
    ids=["export", "report"],
)
def test_misuse_is_named(told, arguments, expected):
    assert complaints(told.workspace, *arguments) == expected


def test_a_comparison_has_the_verdicts(told):
    found = told.workspace.json("compare", "small", "small.toml")
    assert found["comparable"] is True
    assert found["differences"] == []
    (run,) = child_runs(told.workspace, "small", kind="evaluation")
    assert [s["test"][0] for s in found["studies"]] == [run.data.metrics["test_accuracy"]] * 2


def test_images_that_were_lost_are_left_out(told, tmp_path, monkeypatch):
    copy = copy_of(told.workspace, tmp_path / "copy")
    lost = copy.artifact(copy.trial("complete"), "first_layer.png")
    damaged = copy.artifact(copy.trial("pruned"), "first_layer.png")
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:100])
    monkeypatch.chdir(copy.workspace.folder)
    write_report("small", force=True, tracking_uri=copy.workspace.tracking_uri)
    found = parsed(Path("small-report.html").read_bytes())
    tiles = [i for i in found.all("img") if str(i["src"]).startswith("data:image/jpeg")]
    assert len(tiles) == len(list(copy.workspace.folder.rglob("first_layer.png"))) - 1
    assert "trials that saved weights are shown." in found.text
