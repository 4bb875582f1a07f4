"""`studyhall gc`: what goes for good, what stays, and what the doctor and a replay make of it."""

from __future__ import annotations

import json
import uuid

import pytest
from typer.testing import CliRunner

from studyhall import StudyhallError
from studyhall.search.cli.entry import app
from studyhall.search.evaluation.replay import replay_runs
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.sync.doctor import examine
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.retention import clean_up
from studyhall.search.tracking.run_files import load_trained
from tests.mlflow_database import files_of
from tests.search.created import created
from tests.search.moons import Moons
from tests.search.small_trials import store_trial


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Moons:
    """A study with finalists of which only the weights of the best two trials are kept."""
    moons = Moons(tmp_path_factory.mktemp("kept"))
    moons.launch({"configurations": 1, "seeds": 2}, study={"sampler": "qmc", "seed": 5})
    return moons


def weights(moons: Moons) -> dict[str, bool]:
    """Whether each run of a trial has its weights, by run."""
    return {
        run.info.run_id: bool(moons.client.list_artifacts(run.info.run_id, "model/data/weights"))
        for run in moons.runs()
    }


def test_only_weights_of_trials_that_matter_are_kept_and_the_record_stays_whole(kept):
    options = kept.options()
    planned = clean_up("moons", options, keep_weights=2)
    assert all(weights(kept).values())
    assert {one.kind for one in planned.removals} == {"weights"}
    assert len(planned.removals) == 4
    done = clean_up("moons", options, keep_weights=2, remove=True)
    assert done.removals == planned.removals
    assert done.size == sum(one.size for one in planned.removals) > 1000
    removed = {one.what for one in done.removals}
    assert {run for run, there in weights(kept).items() if not there} == removed
    assert kept.champion.run_id not in removed
    best = kept.summary().best.number
    assert best not in {one.trial for one in done.removals}
    assert examine("moons", options).healthy
    run = kept.client.get_run(sorted(removed)[0])
    with pytest.raises(StudyhallError, match="its weights were removed by `studyhall gc` on 20"):
        load_trained(kept.client, run)
    [replayed] = replay_runs([sorted(removed)[0]], kept.tracking_uri)
    assert replayed.identical
    assert not clean_up("moons", options, keep_weights=2).removals


def test_what_changed_since_it_was_looked_at_stays(tmp_path, monkeypatch):
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 3})
    planned = clean_up("moons", moons.options(), keep_weights=1)
    assert len(planned.removals) == 2
    registered, other = (one.what for one in planned.removals)

    def register(plan: object) -> None:
        """What someone does while all runs are looked at."""
        moons.client.create_model_version("moons", f"runs:/{registered}/model", registered)

    monkeypatch.setattr("studyhall.search.sync.retention._Plan.spare_experiments", register)
    done = clean_up("moons", moons.options(), keep_weights=1, remove=True)
    assert [one.what for one in done.removals] == [other]
    assert done.kept == (f"moons: run {registered} was registered just now; its weights stay",)
    assert weights(moons)[registered]


def test_weights_of_a_study_that_was_launched_since_it_was_looked_at_stay(tmp_path, monkeypatch):
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 2})
    study = recorded_study(open_storage(moons.options().address), "moons")
    assert study is not None

    def launch(plan: object) -> None:
        """What someone does while all runs are looked at: a worker takes another trial."""
        created(study, 2)
        assert study.claims.next(3) is not None

    monkeypatch.setattr("studyhall.search.sync.retention._Plan.spare_experiments", launch)
    done = clean_up("moons", moons.options(), keep_weights=1, remove=True)
    assert not done.removals
    [why] = done.kept
    assert why.startswith("moons: was launched or set aside just now; run ")
    assert all(weights(moons).values())


def test_a_folder_that_a_launch_is_at_stays_and_the_rest_is_told(tmp_path):
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 1})
    busy, free = (Outbox(moons.options().home / uuid.uuid4().hex) for _ in range(2))
    for outbox in (busy, free):
        outbox.folder.mkdir(parents=True)
    with busy.upload_lock():
        done = clean_up(None, moons.options(), remove=True)
    assert [one.what for one in done.removals] == [str(free.folder)]
    assert done.kept == (f"{busy.folder}: a launch is uploading from it; end it first",)
    assert busy.folder.exists()


def test_a_file_that_is_missing_beside_removed_weights_is_still_found(kept):
    clean_up("moons", kept.options(), keep_weights=2, remove=True)
    removed = next(run for run, there in weights(kept).items() if not there)
    curve = files_of(kept.client.get_run(removed)) / "training_loss.csv"
    content = curve.read_bytes()
    curve.unlink()
    try:
        [found] = examine("moons", kept.options()).found
        assert "training_loss.csv" in found.problem
    finally:
        curve.write_bytes(content)


def test_a_second_run_of_a_trial_goes_for_good_and_the_only_one_stays(tmp_path):
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 2})
    client, champion = moons.client, moons.champion.run_id
    run, only = sorted(moons.runs(), key=lambda run: run.info.run_id != champion)
    tags = {k: v for k, v in run.data.tags.items() if k.startswith("studyhall.")}
    second = client.create_run(run.info.experiment_id, tags=tags).info.run_id
    client.log_text(second, "x" * 100, "note.txt")
    client.set_terminated(second)
    client.delete_run(second)
    client.delete_run(only.info.run_id)
    found = clean_up(None, moons.options(), remove=True)
    assert [(one.kind, one.what, one.size) for one in found.removals] == [("run", second, 100)]
    assert any(only.info.run_id in sentence for sentence in found.kept)
    with pytest.raises(Exception, match="not found"):
        client.get_run(second)
    assert client.get_run(only.info.run_id).info.lifecycle_stage == "deleted"


def test_what_may_be_recorded_elsewhere_stays(tmp_path):
    moons, elsewhere = Moons(tmp_path), tmp_path / "other" / "studyhall.journal"
    moons.launch(study={"trials": 2})
    [run, _] = moons.runs()
    for one in [*moons.runs(), *moons.runs("study")]:
        moons.client.delete_run(one.info.run_id)
    options = moons.options(storage=elsewhere)
    left = options.home / run.data.tags["studyhall.study_id"]
    left.mkdir(parents=True)
    (left / "trial-0000.1.live").write_text("x")
    found = clean_up(None, options, remove=True)
    assert not found.removals
    assert any(str(left) in said and "recorded elsewhere" in said for said in found.kept)
    assert any("3 deleted runs belong to studies" in said for said in found.kept)
    assert left.exists()
    assert moons.client.get_run(run.info.run_id)


def test_records_that_no_one_has_sent_stay(tmp_path):
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 1})
    outbox = Outbox(moons.options().home / uuid.uuid4().hex)
    store_trial(outbox, 0)
    found = clean_up(None, moons.options(), remove=True)
    assert not found.removals
    assert any("holds records that MLflow does not have" in sentence for sentence in found.kept)
    assert outbox.records()


def test_deleted_experiments_are_not_swept_away_with_a_run(tmp_path):
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 1})
    client, [run] = moons.client, moons.runs()
    tags = {k: v for k, v in run.data.tags.items() if k.startswith("studyhall.")}
    second = client.create_run(run.info.experiment_id, tags=tags).info.run_id
    client.delete_run(second)
    client.delete_experiment(client.create_experiment("other"))
    found = clean_up(None, moons.options(), remove=True)
    assert not found.removals
    assert "other whole" in found.kept[-1]
    assert client.get_run(second)


def test_the_command_lists_until_it_is_told_yes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 1})
    left = tmp_path / ".studyhall" / uuid.uuid4().hex
    left.mkdir()
    (left / "trial-0000.1.live").write_text("x" * 10)
    (tmp_path / ".studyhall" / "mine").mkdir()

    def run(*options: str):
        chosen = ["--tracking-uri", moons.tracking_uri, "--storage", str(moons.storage)]
        return CliRunner().invoke(app, ["gc", *chosen, *options], standalone_mode=False)

    listed = run()
    assert str(left) in listed.stdout
    assert "(10 bytes)" in listed.stdout
    assert "run the same command with --yes" in listed.stdout
    assert left.exists()
    answer = json.loads(run("--yes", "--json").stdout)
    assert (answer["removed"], answer["bytes"]) == (True, 10)
    assert not left.exists()
    assert (tmp_path / ".studyhall" / "mine").exists()
    assert run().stdout == "Nothing to delete.\n"
