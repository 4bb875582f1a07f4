"""Reports of studies of every kind, without MLflow: complete and escaped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from studyhall import StudyhallError, UsageError
from studyhall.search.cli.report_commands import show_written
from studyhall.search.common.addresses import JOURNAL
from studyhall.search.reports.report import write_report
from studyhall.search.study.recorded import open_recorded
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.study_runs import TrackedData, start_study
from tests.mlflow_database import files_of
from tests.search.reports.fake_study import TRIALS, FakeTrial, record_study
from tests.search.reports.parsed_page import Page, parsed

ONE = {"rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True}}
ALL = {"history", "importances", "parallel_coordinates", "contour", "slice", "learning_curves"}


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def page() -> Page:
    written = write_report("s")
    content = Path("s-report.html").read_bytes()
    assert written.to_dict() == {
        "study": "s",
        "file": "s-report.html",
        "bytes": len(content),
        "run_id": None,
    }
    return parsed(content)


def drawn(found: Page) -> set[str]:
    return {name.removeprefix("figure-") for name in found.figures}


def test_every_plot_is_there_with_a_description(working_folder):
    record_study(working_folder)
    found = page()
    assert drawn(found) == ALL
    plots = {plot["id"]: plot for plot in found.all("div") if plot.get("class") == "plot"}
    assert plots.keys() == found.figures.keys()
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots.values())
    assert all(figure["data"] for figure in found.figures.values())


def test_a_plot_that_cannot_be_drawn_is_left_out_with_a_sentence(
    working_folder, monkeypatch, caplog
):
    record_study(working_folder)
    monkeypatch.setattr("optuna.visualization.plot_slice", lambda *_, **__: 1 / 0)
    assert drawn(page()) == ALL - {"slice"}
    (said,) = caplog.messages
    assert said.startswith("the plot slice is left out, because it cannot be drawn (")


def test_the_curves_are_those_of_the_best_and_of_the_pruned(working_folder):
    record_study(working_folder)
    pruned, *best = page().figures["figure-learning_curves"]["data"]
    assert [curve["name"] for curve in best] == ["trial 1", "trial 4", "trial 0"]
    assert (best[0]["x"], best[0]["y"]) == ([1, 2], [0.35, 0.7])
    assert pruned["name"] == "pruned (1)"
    assert pruned["y"] == [0.1, 0.2, None]  # a gap before the next


def test_a_report_loads_nothing_from_the_network(working_folder):
    record_study(working_folder)
    found = page()
    assert found.all("link") == []
    assert all("src" not in script for script in found.all("script"))
    assert all((image["src"] or "").startswith("data:") for image in found.all("img"))
    (policy,) = [m["content"] for m in found.all("meta") if "http-equiv" in m]
    assert "default-src 'none'" in str(policy)
    assert "url(" not in Path("s-report.html").read_text().partition("</style>")[0]


def test_what_comes_from_a_study_is_escaped(working_folder):
    nasty = "</script><script>alert('x')</script><img src=http://x/y>"
    failed = FakeTrial(None, {"method": nasty}, "failed", nasty)
    trials = [FakeTrial(0.5, {"method": "none"}), FakeTrial(0.6, {"method": nasty}), failed]
    space = {"method": {"type": "categorical", "choices": ["none", nasty]}}
    record_study(working_folder, trials, space)
    found = page()
    assert found.all("img") == []
    assert len(found.all("script")) == len(found.figures) + 2
    assert found.text.count(nasty) >= 3
    assert nasty in json.dumps(found.figures["figure-slice"])
    write_report("s", markdown=True)
    assert "<script>" not in Path("s-report.md").read_text().partition("```")[0]


def test_markdown_has_the_same_without_images(working_folder):
    record_study(working_folder)
    found = page()
    write_report("s", markdown=True)
    text = Path("s-report.md").read_text()
    assert "5 of 5 trials have finished: 3 complete, 1 pruned, 1 failed." in text
    assert "5 of 5 trials have finished: 3 complete, 1 pruned, 1 failed." in found.text
    assert "\n| 1 | complete | 0.7000 | 0.01 | 30 | large | 0.5 | 2 | 2.0 |  |\n" in text
    assert "\\<b\\>bad\\</b\\> \\| luck" in text
    assert "\nstudyhall launch s.toml\n" in text
    assert "f" * 64 in text


def test_a_study_of_failures_says_so_and_why(working_folder):
    failed = [FakeTrial(None, state="failed", reason="the loss was inf")] * 3
    record_study(working_folder, failed)
    found = page()
    assert drawn(found) == set()
    assert "No trial has completed, so there is no best one." in found.text
    assert "the loss was inf" in found.text
    assert found.all("script") == []  # and no plotly.js for nothing
    assert "best" not in found.titles


def test_a_study_without_a_finished_trial_has_a_report(working_folder):
    record_study(working_folder, ())
    found = page()
    assert "0 of 1 trials have finished" in found.text
    assert "No trial has started." in found.text


def test_a_study_of_pruned_trials_shows_their_curves_alone(working_folder):
    record_study(working_folder, [TRIALS[2]] * 2)
    assert drawn(page()) == {"learning_curves"}


@pytest.mark.parametrize(
    ("trials", "space", "expected"),
    [
        ([FakeTrial(0.5, {"rate": 0.1})], ONE, {"history"}),
        (
            [FakeTrial(0.5, {"rate": 0.1}), FakeTrial(0.6, {"rate": 0.2})],
            ONE,
            {"history", "importances", "parallel_coordinates", "slice"},
        ),
        ([FakeTrial(0.5, {"rate": 0.1}), FakeTrial(0.5, {"rate": 0.2})], ONE, {"history", "slice"}),
        ([FakeTrial(0.5, {"rate": 0.1}), FakeTrial(0.6, {"rate": 0.1})], ONE, {"history"}),
        ([FakeTrial(0.5), FakeTrial(0.6)], None, {"history"}),
    ],
    ids=["one trial", "one parameter", "equal values", "equal parameters", "three equal ones"],
)
def test_plots_are_drawn_as_far_as_the_trials_allow(working_folder, trials, space, expected):
    record_study(working_folder, trials, space)
    assert drawn(page()) == {*expected, "learning_curves"}


def test_a_contour_of_many_trials_stays_small(working_folder):
    space = {**ONE, "share": {"type": "float", "low": 0.0, "high": 1.0}}
    trials = [
        FakeTrial(1 - (k / 150 - 0.5) ** 2, {"rate": 1 / (k + 2), "share": k / 150})
        for k in range(150)
    ]
    record_study(working_folder, trials, space)
    found = page()
    (contour,) = [d for d in found.figures["figure-contour"]["data"] if d["type"] == "contour"]
    assert len(contour["x"]) <= 104  # a hundred trials and the margins
    assert "of 100 trials, best to worst" in found.text


def test_the_default_file_is_replaced_and_a_named_one_only_by_force(working_folder):
    record_study(working_folder)
    write_report("s", markdown=True)
    write_report("s", markdown=True)
    named = Path("mine.md")
    named.write_text("mine")
    with pytest.raises(UsageError) as error:
        write_report("s", named, markdown=True)
    assert str(error.value) == (
        "--output: mine.md already exists; name another file, or replace it with --force"
    )
    assert named.read_text() == "mine"
    write_report("s", "mine.md", markdown=True, force=True)
    assert named.read_text().startswith("# s\n")


def test_an_output_in_a_folder_that_is_not_there_is_named(working_folder):
    with pytest.raises(UsageError) as error:
        write_report("s", Path("missing") / "report.html")
    assert str(error.value) == (
        "--output: missing/report.html cannot be written: create the folder missing first"
    )


def test_a_page_that_cannot_be_logged_to_mlflow_is_still_written(working_folder, capsys):
    record_study(working_folder)
    study = open_recorded("s", working_folder / JOURNAL)
    uri, data = f"sqlite:///{working_folder}/mlflow.db", TrackedData("s", "f" * 64, "", 1, 1)
    client = open_client(uri)
    run = start_study(client, study.experiment, study.study_id, data, {})
    assert write_report("s", tracking_uri=uri).run_id == run.run_id
    place = files_of(client.get_run(run.run_id))
    shutil.rmtree(place)
    place.write_text("no folder")  # nor can one be made there
    Path("s-report.html").unlink()
    written = write_report("s", tracking_uri=uri)
    assert written.bytes == Path("s-report.html").stat().st_size
    assert written.run_id is None
    assert "MLflow did not take the record of the study's files: " in str(written.trouble)
    show_written(written, as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("s: report in s-report.html (")
    assert first.endswith("MB)")
    assert second == f"not in MLflow: {written.trouble}"


def test_a_disk_that_fails_while_writing_leaves_no_half_report(working_folder, monkeypatch):
    record_study(working_folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StudyhallError, match="cannot be written: No space left on device"):
        write_report("s", markdown=True)
    assert not list(working_folder.glob("*report*"))
