"""`studyhall reproduce`: a real reference system, and the page that its table goes to."""

from __future__ import annotations

import signal

import pytest

from studyhall.search.config.study_file import load_study
from studyhall.search.evaluation.reference import find_systems, system_names
from studyhall.search.evaluation.reproduction import _mostly_above
from tests.cli.record import child_runs
from tests.cli.workspace import Workspace
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory, mnist_cache) -> tuple[Workspace, str]:
    """A folder in which S3 was reproduced, with a page that has a place for its table."""
    workspace = Workspace(tmp_path_factory.mktemp("reproduced"))
    page = workspace.folder / "page.md"
    page.write_text("before\n<!-- reproduced: begin -->\nold\n<!-- reproduced: end -->\nafter\n")
    stdout, _ = workspace.run("reproduce", "s3", "--update", "page.md")
    return workspace, stdout


@pytest.mark.long
def test_published_and_own_figures_stand_side_by_side(reproduced):
    workspace, stdout = reproduced
    assert "0.94 to 0.95" in stdout
    figures = workspace.json("reproduce", "S3")["figures"]  # the trials are there: nothing is run
    test = next(f for f in figures if f["quantity"] == "test_accuracy")
    assert len(test["values"]) == 5
    assert 0.94 < test["mean"] < 0.95
    assert 0 < test["deviation"] < 0.005
    assert test["agrees"] is True


@pytest.mark.long
def test_the_table_goes_between_the_marks_of_a_page(reproduced):
    workspace, _ = reproduced
    text = (workspace.folder / "page.md").read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- reproduced: begin -->\n| system | study |")
    assert text.endswith("<!-- reproduced: end -->\nafter\n")
    assert "old" not in text
    assert "| S3 | mnist_sigmoid | 10,000 iterations | test accuracy | 0.94 to 0.95 | 0.94" in text


@pytest.mark.long
def test_the_readings_of_the_test_split_are_on_record(reproduced):
    workspace, _ = reproduced
    workspace.run("reproduce", "S3")  # reads nothing again, and so adds no run
    (run,) = child_runs(workspace, "mnist_sigmoid", "reproduction")
    assert 0.94 < run.data.metrics["test_accuracy_10000 iterations"] < 0.95


@pytest.mark.long
def test_stopping_it_ends_with_130(workspace):
    process = workspace.start("reproduce", "S5", "--jobs", 1)
    journal = workspace.folder / "studyhall.journal"
    wait_for(lambda: journal.exists() and b'"param_name"' in journal.read_bytes())
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == (
        "studyhall: mnist_two_layer: stopped; run `studyhall reproduce S5` again to resume"
    )


@pytest.mark.parametrize(
    ("values", "others", "above"),
    [
        ([0.6] * 10, [0.5] * 10, True),
        ([0.6] * 9 + [0.4], [0.5] * 10, True),
        ([0.6] * 8 + [0.4] * 2, [0.5] * 10, False),
        ([0.5] * 10, [0.5] * 10, False),
        ([0.6] * 4, [0.5] * 4, False),  # four of four happen by chance once in sixteen times
    ],
)
def test_above_means_more_often_than_chance_allows(values, others, above):
    assert _mostly_above(values, others) is above


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["S6"], "No system named 'S6'. Choose one of S1, S2, S3, S4, S5 or all."),
        (["S3", "--jobs", "0"], "--jobs: must be at least 1, got 0"),
        (
            ["S3", "--update", "page.md"],
            "--update: page.md must hold the lines '<!-- reproduced: begin -->' and "
            "'<!-- reproduced: end -->'; add them where the table belongs",
        ),
        (
            ["S3", "--update", "nothing.md"],
            "--update: nothing.md cannot be read as UTF-8 text: [Errno 2] No such file or "
            "directory: 'nothing.md'",
        ),
    ],
)
def test_misuse_is_found_before_anything_is_run(workspace, arguments, expected):
    (workspace.folder / "page.md").write_text("no marks")
    _, stderr = workspace.run("reproduce", *arguments, code=2)
    assert stderr == f"studyhall: {expected}\n"


@pytest.mark.parametrize("name", system_names())
def test_every_row_is_about_trials_that_its_study_has(name):
    (system,) = find_systems(name)
    for study in system.study:
        spec = load_study(study.name)
        for row in study.row:
            for values in (row.where, row.above or {}, row.below or {}):
                for parameter, value in values.items():
                    assert spec.search_space[parameter].contains(value)
