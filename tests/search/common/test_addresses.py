"""Addresses of storages: what is offered, and that a password is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from studyhall.search.common.addresses import redact, redact_text, resolved, without_password
from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.tracking.mlflow_ui import serve
from studyhall.search.tracking.stored_runs import StoredRuns


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_is_opened_by_psycopg_3(scheme):
    assert resolved(f"{scheme}://me:pw@host/name") == "postgresql+psycopg://me:pw@host/name"


@pytest.mark.parametrize("given", ["here/journal", Path("here/journal")])
def test_anything_else_is_the_path_of_a_journal(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolved(given) == tmp_path / "here" / "journal"


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///a.db",
        "mysql://me:***@host/name",
        "redis://host",
        "postgresql+psycopg2://host/name",
    ],
)
def test_other_databases_are_refused_with_what_is_offered(address):
    with pytest.raises(UsageError) as caught:
        resolved(address.replace("***", "secret"))
    assert str(caught.value) == (
        "--storage: must be the path of a journal, or the address of a PostgreSQL database as "
        f"postgresql://user:password@host/database, got '{address}'"
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://me:secret@host:5432/name", "postgresql://me:***@host:5432/name"),
        ("postgresql://me:se:c@r/e?t#@host/name", "postgresql://me:***@host/name"),
        ("postgresql://:secret@host/name", "postgresql://:***@host/name"),
        ("postgresql://me:secret@[::1]:5432/name", "postgresql://me:***@[::1]:5432/name"),
        ("postgresql://me:secret/name", "postgresql://me:***/name"),
        ("postgresql://h/n?password=secret&x=1", "postgresql://h/n?password=***&x=1"),
        ("postgresql://h/n?a=1&SSLpassword=s", "postgresql://h/n?a=1&SSLpassword=***"),
        ("--storage=postgres://me:secret@h/n", "--storage=postgres://me:***@h/n"),
        ("http://me:secret@host:5000", "http://me:***@host:5000"),
    ],
)
def test_a_password_is_hidden(address, expected):
    assert redact(address) == expected


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me@host:5432/name",
        "postgresql://host:5432",
        "postgresql://[::1]:5432/name",
        "http://127.0.0.1:5000",
        "sqlite:////tmp/mlflow.db",
        "a/journal",
        "study.seed=1",
    ],
)
def test_what_holds_no_password_is_shown_as_it_is(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at http://h:5000 (refused); start it", "at http://h:5000 (refused); start it"),
        ("see http://h:5000: 'tcp://s:8786', or", "see http://h:5000: 'tcp://s:8786', or"),
        ("to http://ada:s3@h:5000/api failed", "to http://ada:***@h:5000/api failed"),
        ("got 'postgresql://me:s@h/n'; x://a:b@c.", "got 'postgresql://me:***@h/n'; x://a:***@c."),
        ("a: note, of no@address:here", "a: note, of no@address:here"),
    ],
)
def test_in_a_sentence_the_passwords_alone_are_hidden(text, expected):
    assert redact_text(text) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://me:secret@host:5432/name", "postgresql://me@host:5432/name"),
        ("postgresql://me:p%40ss%2F@[::1]:5432/name", "postgresql://me@[::1]:5432/name"),
        ("postgresql://h/n?password=secret&x=1", "postgresql://h/n?x=1"),
        ("http://me:secret@host:5000/behind/a/proxy", "http://me@host:5000/behind/a/proxy"),
        ("postgresql://me@host/name?sslmode=require", "postgresql://me@host/name?sslmode=require"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
    ],
)
def test_what_is_handed_on_has_no_password(address, expected):
    assert without_password(address) == expected


def test_what_is_told_to_type_or_open_names_no_password():
    address = "http://ada:s3cret@mlflow.example:5000"
    command = StoredRuns(MlflowClient(address)).manual_command(["run"])
    assert command.startswith("mlflow gc --tracking-uri http://mlflow.example:5000 --run-ids run")
    with pytest.raises(UsageError) as caught:
        serve(5000, address)
    assert str(caught.value).endswith("; open http://mlflow.example:5000")


@pytest.mark.parametrize(
    ("storage", "home"),
    [
        (None, "folder/.studyhall"),
        ("elsewhere/journal", "elsewhere/.studyhall"),
        ("postgresql://host/name", "folder/.studyhall"),
    ],
)
def test_locks_and_records_are_beside_the_journal_or_in_the_folder(
    storage, home, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert Options(storage=storage, folder=Path("folder")).home == tmp_path / home
