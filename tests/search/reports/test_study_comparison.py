"""Two studies side by side: what differs, their results, and whether they are comparable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from studyhall.search.cli.report_commands import show_comparison
from studyhall.search.common.errors import UsageError
from studyhall.search.reports.recorded_facts import read_recorded
from studyhall.search.reports.study_comparison import compare_recorded, compare_studies
from studyhall.search.study.finals_facts import Finalist, Finals, Retrained
from tests.search.reports.fake_study import SPACE, TRIALS, FakeTrial, record_study


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Three recorded studies, and one of other data, by name."""
    folder = tmp_path_factory.mktemp("compared")
    better = [replace(trial, value=trial.value and trial.value + 0.1) for trial in TRIALS[:3]]
    record_study(folder, name="one")
    narrow = {**SPACE, "units": {"type": "int", "low": 1, "high": 100}}
    record_study(folder, better, narrow, name="two", seed=9)
    record_study(folder, [FakeTrial(None, state="failed"), TRIALS[2]], name="failed")
    loss = {"metric": "validation_loss", "direction": "minimize"}
    record_study(folder, TRIALS, fingerprint="0" * 64, name="other", **loss)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        names = ("one", "two", "failed", "other")
        return {name: read_recorded(name).facts for name in names}


def test_results_and_differences_are_given(facts):
    found = compare_studies(facts["one"], facts["two"])
    one, two = found.studies
    assert one.states == {"complete": 3, "pruned": 1, "failed": 1}
    assert two.states == {"complete": 2, "pruned": 1, "failed": 0}
    assert (one.best_trial, one.best_value) == (1, 0.7)
    assert two.best_value == pytest.approx(0.8)
    assert one.parameters["units"] == 30
    assert one.core_seconds == {"complete": 6.0, "pruned": 2.0, "failed": 2.0}
    assert found.incomparable == ()
    assert {(d.key, d.recorded, d.given) for d in found.differences} == {
        ("study.seed", 3, 9),
        ("study.trials", 5, 3),
        ("search_space.units.high", 200, 100),
    }


def test_recorded_studies_are_compared_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    record_study(tmp_path, name="one")
    record_study(tmp_path, TRIALS[:3], name="two")
    found = compare_recorded("one", "two")
    assert [one.name for one in found.studies] == ["one", "two"]
    assert [one.best_value for one in found.studies] == [0.7, 0.7]
    with pytest.raises(UsageError, match=r"^No study named 'three'"):
        compare_recorded("one", "three")


def test_the_best_so_far_is_of_equal_counts_of_trials(facts):
    found = compare_studies(facts["one"], facts["two"]).best_so_far
    assert [trials for trials, _, _ in found] == [1, 2, 3]
    assert [first for _, first, _ in found] == [0.5, 0.7, 0.7]
    assert [second for _, _, second in found] == pytest.approx([0.6, 0.8, 0.8])


def test_studies_of_other_data_or_another_metric_are_not_comparable(facts):
    assert compare_studies(facts["one"], facts["other"]).incomparable == (
        "one selects by validation_accuracy, and other by validation_loss",
        "one and other were run on different data or different splits of them "
        "(fingerprints ffffffffffff and 000000000000)",
    )
    # A pruned trial may have the lowest loss of all, and is none of the best.
    assert compare_studies(facts["other"], facts["one"]).best_so_far[-1][1] == 0.5


def test_a_study_without_a_complete_trial_has_no_best(facts):
    found = compare_studies(facts["failed"], facts["one"])
    assert found.studies[0].best_value is None
    assert found.best_so_far == ((1, None, 0.5), (2, None, 0.7))
    assert ("best value", "-", "0.7000") in list(found.rows())


def test_finalists_are_compared_by_their_means(facts):
    trained = (Retrained(0, 1, 0.5), Retrained(1, 2, 0.6))
    finalists = (Finalist(1, 0.7, {"rate": 0.01}, trained, 0),)
    finals = Finals("one.finalists", "validation_accuracy", "maximize", 2, finalists)
    one = replace(facts["one"], summary=replace(facts["one"].summary, finals=finals))
    found = compare_studies(one, facts["two"])
    assert found.studies[0].finalists == {1: pytest.approx(0.55)}
    assert ("finalists' means", "0.5500 (trial 1)", "-") in list(found.rows())


def test_nothing_is_folded_in_a_pipe(facts, capsys):
    name = "a_study_of_" + 7 * "many_things_"
    long = replace(facts["one"], summary=replace(facts["one"].summary, name=name))
    show_comparison(compare_studies(long, facts["two"]), as_json=False)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == [name, "two"]
    assert ["search_space.units.high", "200", "100"] in [row.split() for row in rows]


def test_the_command_prints_both_in_columns(facts, capsys):
    show_comparison(compare_studies(facts["one"], facts["other"]), as_json=False)
    first, second, *table = capsys.readouterr().out.splitlines()
    assert first.startswith("not comparable: one selects by validation_accuracy, and other by")
    assert second.startswith("not comparable: one and other were run on different data")
    assert table[0].split() == ["one", "other"]
    assert ["trials", "complete", "3", "3"] in [line.split() for line in table]
    assert ["study.direction", "maximize", "minimize"] in [line.split() for line in table]
