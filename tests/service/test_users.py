"""MLflow with users: who may do what, and what becomes of a study whose password is changed."""

from __future__ import annotations

import pytest
import tomli_w

from studyhall import launch
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.service_part import Part
from studyhall.search.evaluation.champion import champion
from studyhall.search.evaluation.verdict import judge, recorded_ledger
from studyhall.search.study.observer import Observer
from studyhall.search.study.recorded import recorded_summaries
from studyhall.search.sync.doctor import examine
from studyhall.search.sync.sync_studies import sync_studies
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.ledger import Ledger
from studyhall.search.tracking.mlflow_check import check_mlflow
from tests.cli.workspace import Workspace
from tests.search.moons import SPEC
from tests.service.users import (
    KEEPER,
    READER,
    Guarded,
    Signed,
    credentials,
    quietly_imported,
    secret_of,
    signed_in,
)


@pytest.fixture
def signed(guarded, tmp_path) -> Signed:
    """A folder of its own to launch from."""
    return Signed(tmp_path, guarded)


@pytest.fixture(scope="module")
def written(guarded, tmp_path_factory) -> Signed:
    """A finished study that two writers have launched; not to be changed."""
    study = Signed(tmp_path_factory.mktemp("written"), guarded)
    with signed_in("ada"):
        assert study.launch(study={"name": "written", "trials": 1}).champion_version == "1"
    with signed_in("grace"):
        assert study.launch(study={"name": "written", "trials": 2}).complete == 2
    return study


def test_a_writer_may_put_the_runs_of_another_right(written):
    with signed_in(READER):
        run = champion("written", written.tracking_uri).run.info.run_id
    for user in ("ada", "grace"):
        with signed_in(user):
            written.client.delete_run(run)
            written.client.restore_run(run)
            written.client.set_terminated(run)


def test_the_check_does_not_take_a_user_s_rights_for_a_fault(guarded):
    def checked(user: str) -> Part:
        with signed_in(user):
            server, store = check_mlflow(guarded.address)
        assert server.healthy, server.problems
        return store

    for_all, for_writers = checked(KEEPER), checked("ada")
    assert for_all.healthy
    assert for_all.tried
    assert for_writers.healthy
    assert not for_writers.tried


def test_a_reader_reads(written):
    with signed_in(READER):
        assert written.stands("written").complete == 2
        found = recorded_ledger("written", written.guarded.storage, written.tracking_uri)
        assert found == Ledger()
        assert champion("written", written.tracking_uri).version == "1"


@pytest.mark.parametrize("name", ["written", "another"])
def test_a_launch_of_a_readers_ends_before_any_work(written, signed, name):
    with signed_in(READER), pytest.raises(UsageError) as caught:
        signed.launch(study={"name": name, "trials": 3})
    assert str(caught.value) == (
        f"{name}: must be a study that you may record at {signed.tracking_uri}: this user may not "
        "do that; the server's administrator can allow it"
    )
    assert written.stands("written").wanted == 2
    with pytest.raises(UsageError, match="No study named"):
        written.stands("another")
    with signed_in("ada"):
        assert signed.client.get_experiment_by_name("another") is None


def test_a_reader_cannot_have_the_test_set_read_without_an_entry(written):
    with signed_in(READER), pytest.raises(StudyhallError, match="this user may not do that"):
        judge("written", written.tracking_uri)


UNKNOWN = (
    "does not let you in: it does not know this user and password; set MLFLOW_TRACKING_USERNAME "
    "and MLFLOW_TRACKING_PASSWORD, or correct ~/.mlflow/credentials"
)


@pytest.mark.parametrize(
    ("user", "password"), [(None, None), ("ada", "another password"), ("nobody", "whatever it is")]
)
def test_a_wrong_password_is_a_sentence(guarded, user, password):
    with signed_in(user, password), pytest.raises(UsageError) as caught:
        open_client(guarded.address)
    assert str(caught.value) == f"--tracking-uri: {guarded.address} {UNKNOWN}"


def test_a_launch_with_a_wrong_password_is_misuse_and_leaves_nothing(guarded, tmp_path):
    places = {"STUDYHALL_STORAGE": guarded.storage, "MLFLOW_TRACKING_URI": guarded.address}
    workspace = Workspace(tmp_path, {**places, **credentials("ada", "another password")})
    workspace.write(tomli_w.dumps(SPEC))
    _, stderr = workspace.run("launch", "small.toml", code=2)
    assert stderr == f"studyhall: --tracking-uri: {guarded.address} {UNKNOWN}\n"
    assert "moons" not in [one.name for one in recorded_summaries(guarded.storage)]


def test_the_file_of_credentials_does_as_well(written, monkeypatch, tmp_path):
    home = tmp_path / "home"
    (home / ".mlflow").mkdir(parents=True)
    (home / ".mlflow" / "credentials").write_text(
        f"[mlflow]\nmlflow_tracking_username = ada\nmlflow_tracking_password = {secret_of('ada')}\n"
    )
    with signed_in(None):
        monkeypatch.setenv("HOME", str(home))
        for name in credentials(None):
            monkeypatch.delenv(name)
        assert champion("written", written.tracking_uri).version == "1"


class Meddling(Observer):
    """Changes a user's password when the first trial has ended."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self.notes: list[str] = []

    def trial(self, outcome: object) -> None:
        if not self.notes:
            self.notes.append("changed")
            with signed_in(KEEPER):
                set_password(self._guarded, "a new password")

    def note(self, message: str) -> None:
        self.notes.append(message)


def set_password(guarded: Guarded, password: str) -> None:
    quietly_imported("mlflow.server.auth.client").AuthServiceClient(
        guarded.address
    ).update_user_password("grace", password)


def test_nothing_is_lost_when_a_password_is_changed_in_the_middle(signed, guarded):
    options = signed.options()
    observer = Meddling(guarded)
    try:
        with signed_in("grace"), pytest.raises(StudyhallError) as caught:
            launch(signed.spec(name="changed", trials=2), options, observer)
        assert "it does not know this user and password" in str(caught.value)
        assert str(caught.value).endswith("run `studyhall sync changed`")
        assert signed.stands("changed").complete == 2
        with signed_in("grace", "a new password"):
            [sent] = sync_studies("changed", options)
            assert sent.sent >= 1
            assert sent.unsent == ()
            assert examine("changed", options).healthy
    finally:
        with signed_in(KEEPER):
            set_password(guarded, secret_of("grace"))
