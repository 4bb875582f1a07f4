"""The files of runs beside a database that is moved, copied or restored to another folder."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from mlflow.tracking import MlflowClient

from studyhall.search.common.errors import UsageError
from studyhall.search.tracking import moved_database
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.moved_database import TAG
from studyhall.search.tracking.study_runs import start_study
from tests.mlflow_database import files_of, sqlite
from tests.search.tracked import DATA

ODD = ["a b", "ümlaut", "a%20b", "a+b(c),d", "a@b;c", "a#b?c", "[a]*", "日本", "a'b", '-"\\']


def record(folder: Path, text: str = "first") -> None:
    """Record a file with a study's run, as a launch and a report do."""
    client = open_client(sqlite_in(folder))
    study = start_study(client, "moons", "id-of-moons", DATA, {})
    client.log_text(study.run_id, text, "note.txt")
    run = client.create_run(study.experiment_id, tags={"studyhall.study_id": "id-of-moons"})
    client.log_text(run.info.run_id, text, "note.txt")


def sqlite_in(folder: Path) -> str:
    """The address of the database in a folder, with special characters escaped."""
    return f"sqlite:///{quote(sqlite(folder).removeprefix('sqlite:///'))}"


def notes(folder: Path) -> list[str]:
    """What the runs' own addresses lead to."""
    client = open_client(sqlite_in(folder))
    experiment = client.get_experiment_by_name("moons")
    assert experiment
    runs = client.search_runs([experiment.experiment_id])
    assert all(files_of(run).is_relative_to(folder) for run in runs)
    return sorted({(files_of(run) / "note.txt").read_text() for run in runs})


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a recorded study."""
    folder = tmp_path / "home"
    folder.mkdir()
    record(folder)
    return folder


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "studyhall")
    return caplog


@pytest.mark.parametrize("name", ODD)
def test_a_study_lies_in_a_folder_of_any_name_and_moves_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, moved = tmp_path / name, tmp_path / f"{name} moved"
    for place in (folder, moved):
        if place == folder:
            place.mkdir()
        else:
            folder.rename(place)
        monkeypatch.chdir(place)
        record(place, place.name)
        assert notes(place)[-1] == f"{name} moved" if place == moved else [name]
        assert sorted(path.name for path in tmp_path.iterdir()) == [place.name]
        assert sorted(path.name for path in place.iterdir()) == [
            ".studyhall",
            "mlflow.db",
            "mlruns",
        ]


def test_a_moved_study_has_its_files_and_says_so_once(home, tmp_path, said):
    moved = home.rename(tmp_path / "moved")
    assert notes(moved) == ["first"]
    assert said.messages == [
        f"{moved / 'mlflow.db'} was moved or copied from {home}; its runs now name the files in "
        f"{moved / 'mlruns'}"
    ]
    record(moved, "second")
    assert (notes(moved), home.exists(), len(said.messages)) == (["first", "second"], False, 1)


def test_a_copy_leaves_its_original_alone(home, tmp_path):
    copy = shutil.copytree(home, tmp_path / "copy")
    before = content(home)
    record(copy, "second")
    assert notes(copy) == ["first", "second"]
    assert content(home) == before
    again = shutil.copytree(copy, tmp_path / "again")
    assert notes(again) == ["first", "second"]
    assert notes(home) == ["first"]


def test_a_folder_reached_through_a_link_has_not_moved(home, tmp_path, said):
    link = tmp_path / "link"
    link.symlink_to(home)
    record(link, "second")
    assert notes(home) == ["first", "second"]
    assert said.messages == []


def test_a_database_that_has_two_names_has_not_moved(home, tmp_path, said):
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "mlflow.db").symlink_to(home / "mlflow.db")
    open_client(sqlite(beside))
    assert said.messages == []
    assert notes(home) == ["first"]


def test_a_database_without_its_files_is_refused(home, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(home / "mlflow.db", alone)
    with pytest.raises(UsageError) as refused:
        open_client(sqlite(alone))
    assert str(refused.value) == (
        f"--tracking-uri: {alone / 'mlflow.db'} was moved or copied from {home} without the files "
        f"of its runs; move or copy the folder {home / 'mlruns'} to {alone / 'mlruns'} as well"
    )


def test_a_move_that_is_killed_is_made_again(home, tmp_path, monkeypatch):
    moved = home.rename(tmp_path / "moved")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moved_database, "_set_tags", die)
        with pytest.raises(KeyboardInterrupt):
            open_client(sqlite(moved))
    query = "select artifact_location from experiments where name = 'moons'"
    with sqlite3.connect(moved / "mlflow.db") as database:
        (address,) = database.execute(query).fetchone()
    database.close()
    assert address == (home / "mlruns/moons").as_uri()  # all or nothing
    assert notes(moved) == ["first"]


def test_a_database_in_use_is_not_rewritten_by_another_process(home, tmp_path):
    """As where a container with a launch has another path for the folder than its host."""
    client = open_client(sqlite_in(home))
    moved = home.rename(tmp_path / "moved")
    program = (
        "import sys; from studyhall.search.tracking.client import open_client; "
        "open_client(sys.argv[1])"
    )
    command = [sys.executable, "-c", program, sqlite_in(moved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "is in use by another process" in done.stderr
    assert (home / "mlruns/moons").as_uri() in address_of(moved)
    del client
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert (moved / "mlruns/moons").as_uri() in address_of(moved)


def address_of(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return [place for (place,) in database.execute("select artifact_location from experiments")]


def test_only_files_beside_the_database_follow_it(home, tmp_path):
    other = home / "work" / "mlruns" / "7"
    other.mkdir(parents=True)
    MlflowClient(sqlite(home)).create_experiment("other", other.as_uri())
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("mlflow.db", "mlruns", ".studyhall"):
        (home / name).rename(moved / name)
    open_client(sqlite_in(moved))
    assert {(moved / "mlruns/moons").as_uri(), other.as_uri()} < set(address_of(moved))


def test_files_of_an_earlier_version_that_are_missing_now_keep_their_place(home, tmp_path, said):
    earlier_version(home)
    place = home / "mlruns"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "mlflow.db").rename(elsewhere / "mlflow.db")
    place.rename(tmp_path / "a disk that is away")
    open_client(sqlite_in(elsewhere))
    assert str(place / "moons") in address_of(elsewhere)
    assert said.messages == []


def earlier_version(folder: Path) -> None:
    """Make a study look as version 0.1.0 recorded it: by plain paths, without a tag."""
    with sqlite3.connect(folder / "mlflow.db") as database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            change = f"update {table} set {column} = replace({column}, 'file://', '')"
            database.execute(change)
        database.execute("delete from experiment_tags where key = ?", (TAG,))
    database.close()


def test_a_study_of_an_earlier_version_moves_and_is_copied_as_well(home, tmp_path):
    earlier_version(home)
    copy = shutil.copytree(home, tmp_path / "copy")
    before = content(home)
    record(copy, "second")
    assert notes(copy) == ["first", "second"]
    assert content(home) == before
    moved = home.rename(tmp_path / "moved")
    record(moved, "third")
    assert notes(moved) == ["first", "third"]
    assert not home.exists()


def test_files_that_an_earlier_version_put_elsewhere_stay_there(home, tmp_path, said):
    earlier_version(home)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "mlflow.db").rename(elsewhere / "mlflow.db")
    client = MlflowClient(sqlite(elsewhere))
    open_client(sqlite(elsewhere))
    (run, *_) = client.search_runs([client.get_experiment_by_name("moons").experiment_id])
    assert files_of(run).is_relative_to(home)
    assert said.messages == []


def test_a_damaged_database_is_named(tmp_path):
    path = Path(sqlite(tmp_path).removeprefix("sqlite:///"))
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 8000 + content[8100:])
    with pytest.raises(UsageError) as caught:
        moved_database.follow(path)
    assert str(caught.value).startswith(f"--tracking-uri: {path} cannot be read (")
