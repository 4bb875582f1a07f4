"""What is shared in MLflow belongs to the study whose id it has, whatever it is called there."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from studyhall import (
    StudyhallError,
    UsageError,
    classify,
    examine,
    judge,
    launch,
    train_finalists,
    write_report,
)
from studyhall.search.evaluation.verdict import recorded_ledger
from studyhall.search.runner import launcher
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import identity_of
from studyhall.search.sync.retention import clean_up
from studyhall.search.tracking import ownership
from studyhall.search.tracking.ownership import STUDY_ID, claim_model
from tests.search.moons import Moons

SMALL = {"trials": 2}


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Moons:
    monkeypatch.chdir(tmp_path)
    study = Moons(tmp_path)
    study.launch(study=SMALL)
    return study


def studies(client: MlflowClient) -> list[str]:
    """The experiment of each study's own run."""
    every = client.search_experiments(view_type=ViewType.ALL)
    ids = {one.experiment_id: one.name for one in every}
    found = client.search_runs(list(ids), "tags.`studyhall.kind` = 'study'", ViewType.ALL)
    return sorted(ids[run.info.experiment_id] for run in found)


def version_run(client: MlflowClient, model: str = "moons") -> str:
    return str(client.get_model_version_by_alias(model, "champion").run_id)


def identity(moons: Moons, name: str = "moons"):
    return identity_of(read_storage(moons.storage), name)


def test_a_renamed_experiment_and_model_stay_the_studys(moons):
    (experiment,) = (e for e in moons.client.search_experiments() if e.name == "moons")
    moons.client.rename_experiment(experiment.experiment_id, "half moons")
    moons.client.rename_registered_model("moons", "half")
    moons.client.create_experiment("moons")
    summary = moons.launch(study={"trials": 3})
    assert studies(moons.client) == ["half moons"]
    assert summary.champion_version
    assert "/models/half/versions/" in str(summary.pages.champion)
    assert [model.name for model in moons.client.search_registered_models()] == ["half"]
    assert examine("moons", moons.options()).healthy
    verdict = judge("moons", moons.tracking_uri)
    run = moons.client.get_run(verdict.run_id)
    assert run.info.experiment_id == experiment.experiment_id
    ledger = recorded_ledger("moons", moons.storage, moons.tracking_uri)
    assert [one.run_id for one in ledger.own] == [verdict.run_id]
    assert write_report("moons", tracking_uri=moons.tracking_uri).run_id


@pytest.mark.long
def test_a_deleted_experiment_is_named_with_what_restores_it(moons):
    (experiment,) = (e for e in moons.client.search_experiments() if e.name == "moons")
    moons.client.delete_experiment(experiment.experiment_id)
    restores = f"restore --experiment-id {experiment.experiment_id}` restores it"
    (finding,) = examine("moons", moons.options()).found
    assert restores in finding.problem
    for ask in (
        lambda: judge("moons", moons.tracking_uri),
        lambda: recorded_ledger("moons", moons.storage, moons.tracking_uri),
        lambda: write_report("moons", tracking_uri=moons.tracking_uri),
    ):
        with pytest.raises(StudyhallError, match=restores):
            ask()
    assert examine("moons", moons.options(), fix=True).healthy
    assert studies(moons.client) == ["moons"]
    assert len(moons.runs()) == 2


def test_another_persons_study_of_the_same_name_is_refused_before_anything(moons, tmp_path):
    """With a journal of their own, at the same MLflow."""
    before = version_run(moons.client)
    journal = tmp_path / "other" / "studyhall.journal"
    options = moons.options(storage=journal)
    with pytest.raises(
        UsageError, match=r"^moons: the experiment moons at .* belongs to another s"
    ):
        launch(moons.spec(trials=1, seed=4), options)
    assert not journal.exists()
    moons.client.rename_experiment(moons.runs()[0].info.experiment_id, "hers")
    with pytest.raises(UsageError, match=r"^moons: the registered model moons at .* begun on .*@"):
        launch(moons.spec(trials=1, seed=4), options)
    assert not journal.exists()
    moons.client.rename_registered_model("moons", "hers")
    launch(moons.spec(trials=1, seed=4), options)
    assert version_run(moons.client, "hers") == before != version_run(moons.client)
    assert judge("moons", moons.tracking_uri).champion.run.info.run_id == before
    theirs = judge("moons", moons.tracking_uri, storage=journal)
    assert theirs.champion.run.info.run_id == version_run(moons.client)
    assert theirs.earlier.own == ()


@pytest.mark.parametrize("first", [True, False])
def test_a_study_of_the_same_name_that_is_begun_during_the_check_is_refused(
    tmp_path, monkeypatch, first
):
    """Whether MLflow's database is there before, or made meanwhile."""
    monkeypatch.chdir(tmp_path)
    moons, journal = Moons(tmp_path), tmp_path / "other" / "studyhall.journal"
    if not first:
        moons.run(moons.spec(name="earlier", trials=1))
    check, launches = launcher.check_networks, [lambda: moons.launch(study={"trials": 1})]

    def check_slowly(*given: object) -> None:
        check(*given)
        if launches:
            launches.pop()()

    monkeypatch.setattr(launcher, "check_networks", check_slowly)
    with pytest.raises(UsageError, match=r"^moons: the experiment moons at .* belongs to another"):
        launch(moons.spec(trials=1, seed=4), moons.options(storage=journal))
    assert not journal.exists()
    assert len(moons.runs()) == 1


@pytest.mark.long
def test_two_studies_that_shared_a_name_before_are_told_apart(moons, tmp_path, monkeypatch):
    """As 0.1.0 left them: in one experiment, with one model, whose alias the last launch moved."""
    journal = tmp_path / "other" / "studyhall.journal"
    options = moons.options(storage=journal)
    with monkeypatch.context() as patch:
        patch.setattr(launcher, "require_own", lambda *_: None)
        patch.setattr(ownership, "_require_known", lambda *_: None)
        patch.setattr(
            MlflowClient,
            "create_registered_model",
            lambda client, name, *_: client.get_registered_model(name),
        )
        launch(moons.spec(trials=1, seed=4), options)
    moons.client.delete_registered_model_tag("moons", STUDY_ID)
    theirs = version_run(moons.client)
    for use in (
        lambda: judge("moons", moons.tracking_uri),
        lambda: classify("moons", [], moons.tracking_uri),
        lambda: moons.launch(study={"trials": 3}),
        lambda: train_finalists("moons", 1, 1, moons.options()),
    ):
        with pytest.raises(
            UsageError, match=r"^moons: the registered model moons .* belongs to ano"
        ):
            use()
    assert (version_run(moons.client), len(moons.runs())) == (theirs, 3)
    verdict = judge("moons", moons.tracking_uri, storage=journal)
    assert verdict.champion.run.info.run_id == theirs
    for storage, readings in ((moons.storage, 0), (journal, 1)):
        assert len(recorded_ledger("moons", storage, moons.tracking_uri).own) == readings
        assert examine("moons", moons.options(storage=storage)).healthy
        found = clean_up("moons", moons.options(storage=storage), keep_weights=1)
        assert {one.what for one in found.removals}.isdisjoint({theirs})
        assert write_report("moons", storage=storage, tracking_uri=moons.tracking_uri).run_id


def test_a_study_that_is_set_aside_keeps_its_champion(moons):
    before = version_run(moons.client)
    moons.launch(study={"trials": 1, "seed": 4}, fresh=True, timeout=1e-9)
    with pytest.raises(UsageError, match=r"^moons: no champion is registered"):
        judge("moons", moons.tracking_uri)
    assert judge("moons.1", moons.tracking_uri).champion.run.info.run_id == before
    moons.launch(study={"trials": 1, "seed": 4})
    assert judge("moons", moons.tracking_uri).champion.run.info.run_id != before
    assert version_run(moons.client, "moons.1") == before


def test_a_study_is_set_aside_though_its_new_name_is_that_of_anothers_model(moons):
    before = version_run(moons.client)
    moons.client.create_registered_model("moons.1")
    moons.launch(study={"trials": 1, "seed": 4}, fresh=True)
    assert judge("moons.1", moons.tracking_uri).champion.run.info.run_id == before
    assert version_run(moons.client) != before
    assert not moons.client.get_registered_model("moons.1").aliases


@pytest.mark.long
def test_a_fresh_start_that_was_killed_leaves_the_model_to_the_earlier_study(moons, monkeypatch):
    before = version_run(moons.client)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(launcher, "release_model", die)
        with pytest.raises(KeyboardInterrupt):
            moons.launch(study={"trials": 1, "seed": 4}, fresh=True)
    with pytest.raises(UsageError, match=r"belongs to study moons\.1, and no champion of moons is"):
        judge("moons", moons.tracking_uri)
    assert judge("moons.1", moons.tracking_uri).champion.run.info.run_id == before
    moons.launch(study={"trials": 1, "seed": 4})
    assert version_run(moons.client, "moons.1") == before != version_run(moons.client)


@pytest.mark.long
@pytest.mark.parametrize("with_version", [True, False])
def test_another_programs_model_keeps_its_alias(tmp_path, monkeypatch, with_version):
    monkeypatch.chdir(tmp_path)
    moons = Moons(tmp_path)
    other = Moons(tmp_path)
    other.run(other.spec(name="other", trials=1))  # MLflow's database, with another study in it
    moons.client.create_registered_model("moons")
    if with_version:
        experiment = moons.client.create_experiment("theirs")
        run = moons.client.create_run(experiment).info.run_id
        version = moons.client.create_model_version("moons", f"runs:/{run}/model", run)
        moons.client.set_registered_model_alias("moons", "champion", version.version)
    with pytest.raises(
        UsageError, match=r"^moons: the registered model moons .* another program; "
    ):
        moons.launch(study=SMALL)
    assert "moons" not in studies(moons.client)
    if with_version:
        assert version_run(moons.client) == run


@pytest.mark.long
def test_a_model_of_an_earlier_version_is_found_and_tagged(moons):
    moons.client.delete_registered_model_tag("moons", STUDY_ID)
    assert judge("moons", moons.tracking_uri).champion.version == "1"
    moons.launch(study={"trials": 3})
    tags = moons.client.get_registered_model("moons").tags
    assert tags[STUDY_ID] == identity(moons).study_id


@pytest.mark.long
def test_an_alias_that_was_moved_to_anothers_version_is_refused(moons):
    moons.run(moons.spec(name="other", trials=1, seed=4))
    run = version_run(moons.client, "other")
    version = moons.client.create_model_version("moons", f"runs:/{run}/model", run)
    moons.client.set_registered_model_alias("moons", "champion", version.version)
    with pytest.raises(
        UsageError, match=r"^moons: version 2, the champion of registered model moo"
    ):
        judge("moons", moons.tracking_uri)
    moons.launch(study=SMALL)
    assert judge("moons", moons.tracking_uri).champion.version == "1"


@pytest.mark.long
def test_a_deleted_model_is_registered_again(moons):
    moons.client.delete_registered_model("moons")
    with pytest.raises(UsageError, match=r"^moons: no champion is registered here"):
        judge("moons", moons.tracking_uri)
    moons.launch(study=SMALL)
    assert judge("moons", moons.tracking_uri).champion.version == "1"


@pytest.mark.long
def test_a_folder_without_the_journal_judges_the_model_of_that_name(moons, tmp_path, monkeypatch):
    Path(tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert judge("moons", moons.tracking_uri).champion.version == "1"


@pytest.mark.long
def test_finalists_belong_to_their_search(moons):
    summary = train_finalists("moons", 1, 1, moons.options())
    assert summary.champion_version == "2"
    moons.client.delete_registered_model_tag("moons", STUDY_ID)
    assert judge("moons", moons.tracking_uri).champion.selected_by == "finalists"
    assert claim_model(moons.client, identity(moons)) == "moons"
