"""Evaluations on one test set by several studies, and a ledger that cannot be read."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from studyhall import StudySpec, UsageError, judge
from studyhall.search.cli.champion_view import show_verdict
from studyhall.search.cli.entry import app
from studyhall.search.cli.study_view import show_status
from studyhall.search.evaluation.verdict import recorded_ledger
from studyhall.search.reports.recorded_facts import read_recorded
from studyhall.search.reports.report_rendering import render_markdown
from tests.search.moons import SPEC, Moons
from tests.search.reports.evaluated_study import NOW


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Moons:
    moons = Moons(tmp_path_factory.mktemp("several"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moons.folder)
        for name, data in {
            "moons": {},
            "wide": {"train": 150},  # another split of the same data
            "noisy": {"noise": 0.5},  # other data
        }.items():
            study = {**SPEC["study"], "name": name, "trials": 1}
            table = {**SPEC, "study": study, "data": {**SPEC["data"], **data}}
            moons.run(StudySpec.model_validate(table))
    return moons


@pytest.fixture
def moons(launched, monkeypatch) -> Moons:
    """Three studies, of which two have the same test set."""
    monkeypatch.chdir(launched.folder)
    return launched


def status(*options: str) -> str:
    found = CliRunner().invoke(app, ["status", "moons", *options], standalone_mode=False)
    assert found.exit_code == 0, found.exception
    return found.stdout


def test_an_evaluation_names_those_on_the_same_test_set_by_other_studies(moons, capsys):
    judge("noisy", moons.tracking_uri)
    assert judge("wide", moons.tracking_uri).earlier.others == ()
    ledger = recorded_ledger("moons", moons.storage, moons.tracking_uri)
    assert (ledger.own, [one.study for one in ledger.others]) == ((), ["wide"])
    show_status(moons.summary(), ledger, as_json=False)
    out = capsys.readouterr().out
    assert "evaluations on the test set: none by this study\n" in out
    assert "evaluations on the same test set by other studies (wide):\n" in out
    facts = read_recorded("moons", moons.storage, moons.tracking_uri).facts
    text = render_markdown(facts, NOW).decode()
    assert "This study has never evaluated on the test set." in text
    assert "Evaluations on the same test set by other studies: wide" in text
    show_verdict(judge("moons", moons.tracking_uri), as_json=False)
    out = capsys.readouterr().out
    assert (
        "This was evaluation 1 by this study; other studies used this test set once before: wide.\n"
        "A model that is chosen after looking at test results looks better than it is. "
        "Earlier evaluations:\n"
    ) in out
    assert "evaluation of wide version 1" in out
    show_verdict(judge("wide", moons.tracking_uri), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert len(found["earlier_readings"]) == 1
    assert [one["study"] for one in found["earlier_readings_elsewhere"]] == ["moons"]
    facts = read_recorded("moons", moons.storage, moons.tracking_uri).facts
    text = render_markdown(facts, NOW).decode()
    assert "The test set was evaluated once, and 2 times by other studies." in text
    found = json.loads(status("--json", "--tracking-uri", moons.tracking_uri))
    counts = len(found["readings"]), len(found["readings_elsewhere"]), found["readings_unknown"]
    assert counts == (1, 2, None)


def test_evaluations_without_a_test_fingerprint_are_matched_by_that_of_the_data(moons):
    judge("moons", moons.tracking_uri)
    for kind in ("evaluation", "study"):
        for run in moons.runs(kind):
            if "studyhall.test_fingerprint" in run.data.tags:
                moons.client.delete_tag(run.info.run_id, "studyhall.test_fingerprint")
    study = {**SPEC["study"], "name": "again", "trials": 1}
    moons.run(StudySpec.model_validate({**SPEC, "study": study}))
    ledger = recorded_ledger("again", moons.storage, moons.tracking_uri)
    assert "moons" in {one.study for one in ledger.others}


def test_without_the_studys_mlflow_the_evaluations_are_not_known(moons, tmp_path):
    empty = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(UsageError, match=r"MLflow database .*none\.db does not exist"):
        recorded_ledger("moons", moons.storage, empty)
    out = status("--tracking-uri", empty)
    assert "evaluations on the test set: unknown (--tracking-uri: MLflow database" in out
    found = json.loads(status("--json", "--tracking-uri", empty))
    assert (found["readings"], found["readings_elsewhere"]) == (None, None)
    assert "pass the address that the study was launched with" in found["readings_unknown"]
    assert not (tmp_path / "none.db").exists()
    another = Moons(tmp_path)
    another.run(another.spec(name="another", trials=1))
    with pytest.raises(UsageError, match="has no experiment moons"):
        recorded_ledger("moons", moons.storage, another.tracking_uri)
