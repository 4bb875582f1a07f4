"""The folder in which a cluster's host keeps records, and who else looks for them there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studyhall import Options, UsageError
from studyhall.search.sync.outbox_homes import make_home, outbox_homes
from studyhall.search.sync.sync_studies import sync_studies
from tests.search.moons import Moons

DATABASE = "postgresql://ada@db.example/studyhall"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """The home of this host, which is not there yet."""
    folder = tmp_path / "state" / "home"
    monkeypatch.setenv("STUDYHALL_HOME", str(folder))
    return folder


def make_anothers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a folder to another user; who is not root becomes another one instead."""
    if os.geteuid() == 0:
        os.chown(folder, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)


def test_a_home_that_is_made_is_for_its_user_alone(home):
    assert make_home() == home
    assert home.stat().st_mode & 0o777 == 0o700
    home.chmod(0o750)
    assert make_home() == home
    assert home.stat().st_mode & 0o777 == 0o750


def test_a_home_of_another_user_is_refused(home, monkeypatch):
    home.mkdir(parents=True)
    make_anothers(home, monkeypatch)
    for look in (make_home, lambda: outbox_homes(Options(storage=DATABASE))):
        with pytest.raises(UsageError) as refused:
            look()
        said = str(refused.value)
        assert said.startswith("STUDYHALL_HOME: must be a folder of your own, or one that is not")
        assert f"got {home}, which is that of user " in said


def test_workers_that_share_a_volume_have_a_home_each(home, tmp_path):
    working = Options(folder=tmp_path, storage=DATABASE)
    for name in ("1", "12", "dask-scratch-space"):
        (home / name).mkdir(parents=True)
    places = [home, home / "1", home / "12"]
    assert outbox_homes(working) == [
        working.home,
        *(found for place in places for found in (place, place / ".studyhall")),
    ]


def test_a_journal_s_records_wait_beside_it_alone(home, tmp_path, monkeypatch):
    home.mkdir(parents=True)
    make_anothers(home, monkeypatch)
    moons = Moons(tmp_path)
    moons.launch(study={"trials": 1})
    assert outbox_homes(moons.options()) == [moons.options().home]
    assert sync_studies(None, moons.options()) == []
