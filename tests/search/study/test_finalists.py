"""Finalists: the best of a search trained again from fresh seeds; the best by mean is champion."""

from __future__ import annotations

import subprocess
import sys
from statistics import fmean, stdev

import pytest

from studyhall import Options, StudySpec, UsageError, judge, launch, make_study, replay_runs
from studyhall.search.cli.champion_view import show_verdict
from studyhall.search.cli.study_view import show_launched
from studyhall.search.runner.finals import train_finalists
from studyhall.search.study.champion_choice import best_of_search, winner_of_finals
from studyhall.search.study.finals_facts import Finalist, Finals, Retrained
from studyhall.search.study.recorded import recorded_summaries
from studyhall.search.study.summary import Best
from studyhall.search.sync.doctor import examine
from tests.search.moons import SPEC, Moons


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> Moons:
    """A study and its finalists, run to their end by two workers; not to be changed."""
    moons = Moons(tmp_path_factory.mktemp("final"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moons.folder)
        moons.launch({"configurations": 2}, jobs=2)
    return moons


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Moons:
    monkeypatch.chdir(tmp_path)
    return Moons(tmp_path)


def searched(moons: Moons) -> dict[int, float]:
    """The values of the search's trials by number."""
    own = [run.data for run in moons.runs() if "studyhall.finalist" not in run.data.tags]
    return {int(one.tags["studyhall.trial"]): one.metrics["value"] for one in own}


def retrained(moons: Moons) -> dict[tuple[int, int], float]:
    """The values of the finalists' trainings by trial and fresh seed; fails if there are two."""
    found = {}
    for run in moons.runs():
        if trial := run.data.tags.get("studyhall.finalist"):
            key = int(trial), int(run.data.tags["studyhall.fresh_seed"])
            assert key not in found
            assert run.info.run_name == f"trial-{key[0]:04d}-seed-{key[1]}"
            found[key] = run.data.metrics["value"]
    return found


def test_the_best_of_the_search_are_trained_from_each_fresh_seed(final):
    finals, values, again = final.summary().finals, searched(final), retrained(final)
    best = sorted(values, key=lambda number: (-values[number], number))[:2]
    assert set(again) == {(number, seed) for number in best for seed in (1, 2, 3)}
    for one in finals.finalists:
        own = [again[one.trial, seed] for seed in (1, 2, 3)]
        assert list(one.values) == own
        assert (one.mean, one.deviation) == pytest.approx((fmean(own), stdev(own)))
        assert one.value == values[one.trial]
    means = [one.mean for one in finals.finalists]
    assert means == sorted(means, reverse=True)
    leader = next(one for one in finals.finalists if one.trial == best[0])
    assert finals.optimism == pytest.approx(leader.value - leader.mean)


def test_the_study_of_finalists_has_no_finalists_itself(final):
    summary = final.summary("moons.finalists")
    assert (summary.finished, summary.wanted) == (6, 6)
    assert (summary.finals, summary.finals_pending, summary.finals_progress) == (None, False, None)


def test_the_champion_is_the_typical_training_of_the_best_by_mean(final):
    winner = final.summary().finals.winner
    run = final.client.get_run(final.champion.run_id)
    assert final.champion.tags["selected_by"] == "finalists"
    assert int(run.data.tags["studyhall.finalist"]) == winner.trial
    assert run.data.metrics["value"] == sorted(winner.values)[1]


def test_finalists_stand_below_the_studys_run_each_with_weights_of_its_own(final):
    runs = final.runs()
    own = {r.data.tags["mlflow.parentRunId"] for r in runs if "studyhall.finalist" in r.data.tags}
    assert len(own) == 1
    above = final.client.get_run(own.pop())
    assert (above.info.run_name, above.info.status) == ("finalists", "FINISHED")
    study = final.client.get_run(above.data.tags["mlflow.parentRunId"])
    assert study.info.run_name == "moons"
    weights = [run.data.tags["studyhall.weights_sha256"] for run in runs]
    assert len(set(weights)) == len(weights)


def test_a_finalist_is_replayed_from_its_run_and_the_doctor_finds_nothing(final):
    run = next(run for run in final.runs() if "studyhall.finalist" in run.data.tags)
    (replay,) = replay_runs([run.info.run_id], final.tracking_uri)
    assert replay.identical
    assert "with fresh seed" in replay.trial.name
    assert examine("moons", final.options()).found == ()


@pytest.mark.long
def test_the_doctor_repairs_the_runs_of_finalists_too(moons):
    moons.launch({"configurations": 1, "seeds": 1})
    lost = moons.champion.run_id
    moons.client.delete_run(lost)
    (found,) = examine("moons", moons.options()).found
    assert found.problem == f"moons.finalists: trial 0: run {lost} was deleted in MLflow"
    assert examine("moons", moons.options(), fix=True).repairs.left == ()
    assert examine("moons", moons.options()).healthy


def test_one_worker_in_parts_gives_the_same_and_more_trials_keep_what_was_trained(final, moons):
    moons.launch({"configurations": 1, "seeds": 1}, study={"trials": 4})
    first = retrained(moons)
    assert len(first) == 1
    moons.launch({"configurations": 2})
    assert searched(moons) == searched(final)
    again, whole = retrained(moons), retrained(final)
    assert again.items() >= first.items()
    assert again.keys() <= whole.keys() | first.keys()
    assert {key: again[key] for key in whole} == whole
    ours, theirs = moons.summary().finals, final.summary().finals
    assert [(one.trial, one.values) for one in ours.finalists] == [
        (one.trial, one.values) for one in theirs.finalists
    ]


def test_finalists_that_were_stopped_go_on_and_the_search_does_not_take_the_title_back(moons):
    moons.launch()
    assert moons.champion.tags["selected_by"] == "search"
    stopped = train_finalists("moons", 2, 2, moons.options(timeout=1e-6))
    assert stopped.finals is None
    assert moons.summary().finals is None
    assert str(moons.champion.version) == "1"
    done = train_finalists("moons", 2, 2, moons.options())
    assert done.champion_version == "2"
    assert len(retrained(moons)) == 4
    assert moons.launch().champion_version == "2"
    assert moons.champion.tags["selected_by"] == "finalists"


def test_a_study_that_starts_over_sets_its_finalists_aside_too(moons):
    wanted = {"configurations": 1, "seeds": 1}
    moons.launch(wanted, study={"trials": 1})
    moons.launch(wanted, study={"trials": 1}, fresh=True)
    recorded = {one.name: one for one in recorded_summaries(moons.storage)}
    assert set(recorded) == {"moons", "moons.finalists", "moons.1", "moons.1.finalists"}
    assert recorded["moons"].finals.finalists == recorded["moons.1"].finals.finalists
    with pytest.raises(UsageError, match=r"moons\.finalists: is a study of finalists itself"):
        train_finalists("moons.finalists", options=moons.options())


def test_finalists_of_a_study_without_a_completed_trial_are_refused(moons):
    study = {**SPEC["study"], "trials": 1}
    rates = {"learning_rate": {"type": "float", "low": 1e18, "high": 1e19}}
    space = {**SPEC["search_space"], **rates}
    spec = StudySpec.model_validate({**SPEC, "study": study, "search_space": space})
    launch(spec, Options(jobs=1, preflight=False, **moons.places))
    with pytest.raises(UsageError, match="none of its trials completed"):
        train_finalists("moons", options=moons.options())


@pytest.mark.long
def test_an_extension_that_is_cut_short_leaves_the_title_where_it_was(moons):
    wanted = {"configurations": 1, "seeds": 2}
    moons.launch(wanted, study={"trials": 2})
    crowned = moons.champion.version
    late = moons.launch(wanted, study={"trials": 6}, timeout=1e-6)
    assert late.finals_pending or late.finished < 6
    assert moons.champion.version == crowned
    whole = moons.launch(wanted, study={"trials": 6})
    assert not whole.finals_pending
    assert whole.finals.current
    best = max(searched(moons).items(), key=lambda item: (item[1], -item[0]))[0]
    assert whole.finals.winner.trial == best


def test_a_champion_of_before_the_finals_says_so(moons, capsys):
    moons.launch(study={"trials": 2})
    summary = moons.launch({"configurations": 1}, study={"trials": 2}, timeout=1e-9)
    assert summary.finals_pending
    show_launched(summary, "studyhall launch again", as_json=False)
    out = capsys.readouterr().out
    assert "finalists: not trained yet" in out
    assert "to resume: studyhall launch again" in out
    show_verdict(judge("moons", moons.tracking_uri), as_json=False)
    assert "its finalists are not trained yet" in capsys.readouterr().out


@pytest.mark.long
def test_finals_that_were_killed_are_put_in_order_by_a_launch_without_them(moons):
    moons.launch()
    dying = (
        "import os\n"
        "from studyhall.search.common import options\n"
        "from studyhall.search.runner import finals, runner\n"
        "runner.Runner._close = lambda *a: os.kill(os.getpid(), 9)\n"
        f"places = options.Options(jobs=1, tracking_uri='{moons.tracking_uri}')\n"
        "finals.train_finalists('moons', 1, 1, places)"
    )
    done = subprocess.run([sys.executable, "-c", dying], cwd=moons.folder, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert "RUNNING" in {run.info.status for run in (*moons.runs("study"), *moons.runs())}
    moons.launch()
    assert {run.info.status for run in moons.runs("study")} == {"FINISHED"}
    assert len(retrained(moons)) == 1
    assert examine("moons", moons.options()).found == ()


def test_wishes_that_cannot_be_are_refused_before_anything_is_recorded(moons):
    moons.launch(study={"trials": 1})
    with pytest.raises(UsageError) as caught:
        train_finalists("moons", 101, 0, moons.options())
    assert str(caught.value) == (
        "--configurations: must be at most 100, got 101\n--seeds: must be at least 1, got 0"
    )
    assert [one.name for one in recorded_summaries(moons.storage)] == ["moons"]


def test_long_names_have_room_for_what_is_added(moons):
    name = "m" * 100
    spec = moons.spec({"configurations": 1, "seeds": 1}, name=name, trials=1)
    launch(spec, moons.options())
    launch(spec, moons.options(fresh=True))
    names = {one.name for one in recorded_summaries(moons.storage)}
    assert names == {name, f"{name}.finalists", f"{name}.1", f"{name}.1.finalists"}
    with pytest.raises(UsageError, match=r"study\.name: must have at most 100 characters, got 101"):
        make_study({**SPEC, "study": {**SPEC["study"], "name": "m" * 101}})
    with pytest.raises(UsageError, match=r"must not end with '\.finalists'"):
        make_study({**SPEC, "study": {**SPEC["study"], "name": "m.finalists"}})


def finalist(trial: int, value: float, *values: float, failed: int = 0) -> Finalist:
    retrained = tuple(Retrained(10 * trial + seed, seed, v) for seed, v in enumerate(values, 1))
    return Finalist(trial, value, {}, retrained, failed)


@pytest.mark.parametrize(
    ("direction", "values", "typical"),
    [
        ("maximize", (0.5, 0.7), 0.5),
        ("minimize", (0.5, 0.7), 0.7),
        ("maximize", (0.5, 0.9, 0.7), 0.7),
        ("minimize", (0.1, 0.2, 0.3, 0.4), 0.3),
    ],
)
def test_the_typical_training_is_never_the_luckier_of_two(direction, values, typical):
    finals = Finals("s", "m", direction, len(values), (finalist(1, 0.6, *values),))
    assert finals.typical.value == typical


def test_a_leader_that_diverged_from_every_fresh_seed_does_not_win(moons):
    finals = Finals("s", "m", "maximize", 1, (finalist(1, 0.6, 0.5),), leader=3, diverged=(3,))
    assert finals.optimism is None
    assert best_of_search(Best(3, 0.9, {}), finals, provisional=True) is None
    assert winner_of_finals(finals).value == 0.5


def test_the_optimism_of_a_loss_is_what_it_rose_by():
    finals = Finals("s", "m", "minimize", 2, (finalist(1, 0.3, 0.4, 0.5),), leader=1)
    assert finals.optimism == pytest.approx(0.15)
