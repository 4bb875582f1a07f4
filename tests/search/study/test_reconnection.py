"""Patience with a storage that is away: for how long, and with which errors."""

from __future__ import annotations

import pytest

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.study import reconnection
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import reopen_storage
from tests.postgres import IN_ADDRESS
from tests.search.study.storage_worker import opened


class Counted:
    """An operation that fails with the same error each time."""

    def __init__(self, error: Exception) -> None:
        self.calls = 0
        self._error = error

    def __call__(self) -> None:
        self.calls += 1
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        UsageError("no"),
        StudyhallError("no"),
        AssertionError("Should not reach."),
        KeyError("Record does not exist."),
        OSError(28, "No space left on device"),
        ConnectionError("not the storage's"),
    ],
    ids=repr,
)
def test_errors_that_do_not_come_of_the_database_are_raised_at_once(error):
    operation = Counted(error)
    with pytest.raises(type(error)) as caught:
        retry_while_disconnected(operation)()
    assert caught.value is error
    assert operation.calls == 1


def test_a_value_that_the_database_refuses_is_raised_at_once(database):
    storage, study = opened(database)
    calls = 0

    def write() -> None:
        nonlocal calls
        calls += 1
        storage.set_study_user_attr(study, "k" * 600, 1)

    with pytest.raises(Exception, match="commit"):
        retry_while_disconnected(write)()
    assert calls == 1


def test_a_server_that_comes_back_is_waited_for(postgres, database, monkeypatch):
    study = opened(database)[1]
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            postgres.start()

    monkeypatch.setattr(reconnection.time, "sleep", pause)
    postgres.stop()
    reopened = reopen_storage(database)
    assert retry_while_disconnected(reopened.get_study_user_attrs)(study) == {}
    assert len(pauses) == 12
    assert all(0.05 * 2**n <= pauses[n] <= 0.1 * 2**n for n in range(5))
    assert max(pauses) <= 5.0


def test_a_server_that_stays_away_is_given_up(monkeypatch):
    now = 0.0

    def pass_by(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(reconnection.time, "sleep", pass_by)
    monkeypatch.setattr(reconnection.time, "monotonic", lambda: now)
    with pytest.raises(StudyhallError) as caught:
        reopen_storage("postgresql://me:secret@127.0.0.1:1/name")
    assert str(caught.value) == (
        "the storage has not answered for 300 s (connection failed: connection to server at "
        '"127.0.0.1", port 1 failed: Connection refused); launch again when that is mended: '
        "finished trials are kept"
    )
    assert 300 <= now < 305


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("studyhall:wrong@127.0.0.1:{port}/postgres", "password authentication failed for user"),
        ("studyhall@127.0.0.1:{port}/postgres", "no password supplied"),
        ("studyhall:{password}@127.0.0.1:{port}/nowhere", 'database "nowhere" does not exist'),
        ("studyhall:{password}@127.0.0.1:{port}/postgres?sslmode=require", "SSL was required"),
    ],
)
def test_a_server_that_lets_no_one_in_is_not_waited_for(postgres, monkeypatch, place, told):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setattr(reconnection.time, "sleep", lambda seconds: pytest.fail("waits"))
    with pytest.raises(UsageError) as caught:
        reopen_storage("postgresql://" + place.format(port=postgres.port, password=IN_ADDRESS))
    assert str(caught.value).startswith("--storage: postgresql+psycopg://studyhall")
    assert told in str(caught.value)
    assert "wrong" not in str(caught.value)
