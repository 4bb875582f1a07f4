"""Addresses of MLflow: the default, and what is said of those that cannot be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import mlflow
import pytest
from sqlalchemy.exc import SQLAlchemyError

from studyhall.search.common.errors import UsageError
from studyhall.search.tracking.address import tracking_address
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.mlflow_errors import MlflowUnavailableError, explained
from tests.mlflow_database import sqlite

VARIABLE = "or correct the option or MLFLOW_TRACKING_URI"
FORMS = (
    "give one such as sqlite:///mlflow.db, http://host:5000 or "
    "postgresql+psycopg://user@host/database, or unset MLFLOW_TRACKING_URI"
)
WRONG = "must be the address of an MLflow server or database, got"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with whatever an address may lead to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "garbage.db").write_bytes(b"garbage" * 1000)
    for name, table in (("other.db", "create table mine (a)"), ("old.db", ""), ("new.db", "")):
        if not table:
            shutil.copy(Path(sqlite(tmp_path).removeprefix("sqlite:///")), tmp_path / name)
        with sqlite3.connect(tmp_path / name) as database:
            database.execute(table or "update alembic_version set version_num = ?", VERSIONS[name])
        database.close()
    (tmp_path / "mlflow.db").unlink()
    return tmp_path


VERSIONS: dict[str, tuple[str, ...]] = {"other.db": (), "old.db": ("451aebb31d03",)}
VERSIONS["new.db"] = ("ffffffffffff",)


def content(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refusal(address: str | None) -> str:
    with pytest.raises(UsageError) as refused:
        open_client(address)
    return str(refused.value).removeprefix("--tracking-uri: ")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("sqlite://", "must name a file, got 'sqlite://'; give its path after three slashes, such "
         "as sqlite:///mlflow.db"),
        ("sqlite:///", "must name a file, got 'sqlite:///'; "),
        ("sqlite:///:memory:", "must name a file, got 'sqlite:///:memory:'; "),
        ("sqlite:///file:x.db?mode=memory&uri=true", "must name a file, got "),
        ("sqlite://mlflow.db", "must name a file, got 'sqlite://mlflow.db'; "),
        ("sqlite+pysqlite://", "must name a file, got "),
        ("sqlite:mlflow.db", f"{WRONG} 'sqlite:mlflow.db'; {FORMS}"),
        ("sqlite:///folder", "must name a database's file, got the folder {here}/folder; add the "
         "file's name, such as sqlite:///{here}/folder/mlflow.db"),
        ("sqlite:///no/where/mlflow.db", "{here}/no/where must be a folder, for MLflow's database "
         f"mlflow.db; create it, {VARIABLE}"),
        ("sqlite:///garbage.db", "sqlite:///{here}/garbage.db is not a database; move that file "
         f"away, {VARIABLE}"),
        ("sqlite:///other.db", "sqlite:///{here}/other.db is the database of another program, "
         "without MLflow's tables; name another one by the option or MLFLOW_TRACKING_URI"),
        ("sqlite:///old.db", "sqlite:///{here}/old.db is the database of an older MLflow than "
         f"{mlflow.__version__}, which is installed here; back it up, then run `mlflow db upgrade "
         "sqlite:///{here}/old.db`"),
        ("sqlite:///new.db", "sqlite:///{here}/new.db is the database of a newer MLflow than "
         f"{mlflow.__version__}, which is installed here; name another database, or open it with "
         "the newer one"),
        ("./mlruns", f"{WRONG} './mlruns' (MLflow no longer keeps runs in a folder of files); "
         f"{FORMS}"),
        ("file:///tmp/mlruns", f"{WRONG} 'file:///tmp/mlruns' (MLflow no longer keeps runs in "),
        ("file:mlruns", f"{WRONG} 'file:mlruns' (MLflow no longer keeps runs in "),
        ("folder", f"{WRONG} 'folder' (MLflow no longer keeps runs in "),
        ("localhost:5000", f"{WRONG} 'localhost:5000'; {FORMS}"),
        ("http://", f"{WRONG} 'http://'; {FORMS}"),
        ("ftp://host/x", f"{WRONG} 'ftp://host/x'; {FORMS}"),
        ("databricks", f"{WRONG} 'databricks'; {FORMS}"),
        (" ", f"{WRONG} ' '; {FORMS}"),
        ("postgres://me@host/x", f"{WRONG} 'postgres://me@host/x' (MLflow spells it "
         f"postgresql+psycopg://); {FORMS}"),
        ("postgresql+psycopg2://me@127.0.0.1:1/x", "the driver psycopg2 of "
         "postgresql+psycopg2://me@127.0.0.1:1/x is not installed; install it, or write "
         "postgresql+psycopg:// with one that is (`pip install 'studyhall[postgresql]'` installs "
         "psycopg)"),
        ("mssql://me@127.0.0.1:1/x", "the driver pyodbc of mssql://me@127.0.0.1:1/x is not "
         "installed; "),
        ("postgresql+nothing://me@127.0.0.1:1/x", f"{WRONG} "),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/x", "the database at "
         "postgresql+psycopg://me:***@127.0.0.1:1/x cannot be opened; start it, "
         f"{VARIABLE} (connection failed: "),
        ("sqlite+foo:///x.db", f"{WRONG} 'sqlite+foo:///{{here}}/x.db' (Can't load plugin: "),
        ("sqlite+:///x.db", f"{WRONG} 'sqlite+:///{{here}}/x.db' (Can't load plugin: "),
        ("sqlite+pysqlcipher:///x.db", "the driver pysqlcipher3 of "
         "sqlite+pysqlcipher:///{here}/x.db is not installed; "
         "install it, or write sqlite+pysqlite:// with one that is"),
        ("SQLITE+FOO:///x.db", f"{WRONG} 'sqlite+foo:///{{here}}/x.db' (Can't load plugin: "),
        ("SQLite:///folder", "must name a database's file, got the folder {here}/folder; "),
        ("sqlite:////dev/null", "/dev/null: must be a plain file, got a device; name another file"),
        ("sqlite:///pipe", "{here}/pipe: must be a plain file, got a pipe; name another file"),
        ("http://[::1", f"{WRONG} 'http://[::1' (Invalid IPv6 URL); {FORMS}"),
        ("http://host:99999", f"{WRONG} 'http://host:99999' (Port out of range 0-65535); {FORMS}"),
        ("http://127.0.0.1:1", "no MLflow tracking store answers at "),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_with_its_remedy(
    here: Path, address: str, sentence: str
) -> None:
    before = content(here)
    said = refusal(address)
    assert said.startswith(sentence.replace("{here}", str(here)))
    assert "\n" not in said
    assert content(here) == before


def test_the_default_is_the_working_folders_database_whatever_else_is_there(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "mlruns/0").mkdir(parents=True)
    (here / "mlruns/0/meta.yaml").write_text("name: Default\n")
    assert tracking_address(None) == f"sqlite:///{here}/mlflow.db"
    assert open_client().search_experiments()
    assert (here / "mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert tracking_address(None) == "http://host:5000"
    assert tracking_address("sqlite:///x.db") == f"sqlite:///{here}/x.db"


def test_an_address_that_mlflow_escaped_names_the_same_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = here / "my project"
    folder.mkdir()
    open_client(f"sqlite:///{here}/my%20project/mlflow.db")
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    assert not (here / "my%20project").exists()
    (odd := here / "a?b%").mkdir()
    monkeypatch.chdir(odd)
    open_client()
    assert tracking_address(None) == tracking_address(f"sqlite:///{here}/a%3Fb%25/mlflow.db")
    assert os.listdir(odd) == ["mlflow.db"]


def test_a_folder_too_deep_for_sqlite_is_refused_at_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = here / ("d" * 200) / ("d" * 200) / ("d" * 100)
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    said = refusal(None)
    assert said.startswith("must name a file whose path SQLite can open, got one that is ")
    assert said.endswith(f" bytes too long: {deep}/mlflow.db; use a folder nearer to the root")
    assert os.listdir(deep) == []
    assert open_client(f"sqlite:///{here}/x.db").search_experiments()


def test_capital_letters_of_a_scheme_do_not_matter(here: Path) -> None:
    assert tracking_address("SQLite:///x.db") == f"sqlite:///{here}/x.db"
    assert tracking_address("HTTP://Host:5000/A") == "http://Host:5000/A"
    assert open_client("SQLITE:///x.db").search_experiments()
    assert (here / "x.db").exists()


def test_a_long_error_of_a_database_is_cut_after_a_word() -> None:
    words = "the database said that it could not take the row of the table "
    with pytest.raises(MlflowUnavailableError) as caught, explained("trial 3"):
        raise SQLAlchemyError(f"{words * 5}\n[SQL: INSERT INTO runs]")
    start, _, said = str(caught.value).partition(": ")
    assert start == "MLflow did not take the record of trial 3"
    assert said.endswith("…")
    assert f"{words * 5}".startswith(f"{said[:-1]} ")
    assert 150 < len(said) <= 200
    with pytest.raises(MlflowUnavailableError) as caught, explained("trial 3"):
        raise SQLAlchemyError("it is locked\n[SQL: INSERT INTO runs]")
    assert str(caught.value).endswith("trial 3: it is locked")


def test_an_empty_file_becomes_a_database(here: Path) -> None:
    (here / "empty.db").touch()
    assert open_client("sqlite:///empty.db").search_experiments()
