"""What a launch says when a part of the service is not fit for work; nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from studyhall import StudyhallError, launch
from studyhall.search.study.observer import Observer
from studyhall.search.sync.doctor import examine
from studyhall.search.sync.sync_studies import sync_studies
from tests.service.troubles import without_bucket, without_room


class Spoiler(Observer):
    """Brings a trouble about when the first trial has ended, and keeps what is said."""

    def __init__(self, spoil: Callable[[], object]) -> None:
        self.spoil, self.notes = spoil, list[str]()
        self.spoiled = False

    def trial(self, outcome) -> None:
        if not self.spoiled:
            self.spoiled = True
            self.spoil()

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_records_wait_while_the_store_has_no_room_and_are_sent_later(served, monkeypatch):
    monkeypatch.setattr("studyhall.search.runner.runner._PATIENCE_SECONDS", 45.0)
    sentence = "MLflow's artifact store can be read but takes no file: it has no room left"
    spec, options = served.spec(name="full", trials=3), served.options()
    with ExitStack() as stack:
        spoiler = Spoiler(lambda: stack.enter_context(without_room(served.stack)))
        with pytest.raises(StudyhallError) as raised:
            launch(spec, options, spoiler)
        assert sentence in str(raised.value)
        assert "run `studyhall sync full`" in str(raised.value)
        assert any(sentence in note for note in spoiler.notes)
        assert served.summary("full").complete == 3
    [sent] = sync_studies("full", options, patience_seconds=300)
    assert sent.sent > 0
    assert not sent.unsent
    assert launch(spec, options).champion_version == "1"
    assert examine("full", options).healthy


def test_a_launch_does_not_begin_without_a_bucket_and_says_so(served):
    with without_bucket(served.stack), pytest.raises(StudyhallError, match="lacks the bucket"):
        served.launch(study={"name": "later"})
    assert served.summary("later").finished == 0
