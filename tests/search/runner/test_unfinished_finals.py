"""Finalists that are half trained, and those of which no training comes to its end."""

from __future__ import annotations

import pytest

from studyhall import Options, StudySpec, judge, launch
from studyhall.search.cli.champion_view import show_verdict
from studyhall.search.cli.study_view import show_finals, show_launched, show_status
from studyhall.search.reports.recorded_facts import read_recorded
from studyhall.search.reports.report_rendering import render_markdown
from studyhall.search.runner.finals import train_finalists
from studyhall.search.tracking.ledger import Ledger
from tests.search.moons import SPEC, Moons
from tests.search.reports.evaluated_study import NOW


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Moons:
    monkeypatch.chdir(tmp_path)
    return Moons(tmp_path)


def report(moons: Moons) -> str:
    facts = read_recorded("moons", moons.storage, moons.tracking_uri).facts
    return render_markdown(facts, NOW).decode()


def test_half_trained_finalists_are_counted_and_the_way_on_is_told(moons, capsys):
    moons.launch(study={"trials": 3})
    show_finals(train_finalists("moons", 2, 1, moons.options()), as_json=False)
    out = capsys.readouterr().out
    assert "champion: version 2 of model moons\n" in out
    assert all(f"  {page} " in out for page in ("runs", "charts", "champion"))
    train_finalists("moons", 2, 2, moons.options(timeout=1e-6))
    summary = moons.summary()
    assert (summary.finals, summary.finals_pending) == (None, False)
    command = "studyhall finalists moons --configurations 2 --seeds 2"
    progress = {"done": 2, "wanted": 4, "to_go_on": command}
    assert summary.to_dict()["finals_progress"] == progress
    show_status(summary, Ledger(), as_json=False)
    out = capsys.readouterr().out
    assert "finalists: 2 of 4 trained\n" in out
    assert f"to train the remaining finalists: {command}\n" in out
    show_launched(moons.launch(study={"trials": 3}), "studyhall launch moons", as_json=False)
    out = capsys.readouterr().out
    assert f"to train the remaining finalists: {command}\n" in out
    assert "next: studyhall evaluate" not in out
    told = (
        f"2 of 4 trainings of finalists with fresh seeds have finished; {command} continues them."
    )
    assert report(moons).count(told) == 2  # in the summary and among the finalists


def test_finalists_that_all_diverge_leave_the_title_to_the_best_of_the_search(moons, capsys):
    # Nearly every network of two units diverges at such rates; one whose units die does not.
    rates = {"learning_rate": {"type": "float", "low": 1e3, "high": 1e4, "log": True}}
    study = {**SPEC["study"], "trials": 4}
    table = {**SPEC, "study": study, "network": {"hidden": [2]}, "search_space": rates}
    spec = StudySpec.model_validate({**table, "finalists": {"configurations": 1, "seeds": 2}})
    options = Options(jobs=1, preflight=False, **moons.places)
    summary = launch(spec, options)
    best = summary.best.number
    assert (summary.finals.finalists, summary.finals.diverged) == ((), (best,))
    assert summary.finals_pending is False
    assert summary.finals_progress.to_go_on is None
    show_status(summary, Ledger(), as_json=False)
    out = capsys.readouterr().out
    assert f"trial {best}: diverged from every fresh seed\n" in out
    assert "all finalists diverged: the best of the search stays the champion\n" in out
    version = moons.champion
    run = moons.client.get_run(version.run_id)
    assert run.data.tags["studyhall.trial"] == str(best)
    assert "studyhall.finalist" not in run.data.tags
    assert version.tags["selected_by"] == "search after finalists diverged"
    again = launch(spec, options)
    assert (again.champion_version, again.finals) == (str(version.version), summary.finals)
    assert moons.champion.tags == version.tags
    text = report(moons)
    assert "all finalists diverged (1); the best trial of the search stays the champion." in text
    assert "Every retraining diverged, so the best trial of the search stays the champion." in text
    show_verdict(judge("moons", moons.tracking_uri), as_json=False)
    assert "all its finalists diverged" in capsys.readouterr().out
