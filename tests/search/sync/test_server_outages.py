"""A real MLflow server that is killed, started again, slow, or whose answers are lost."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from studyhall.search.sync.live_points import LivePoints
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.tracker import Tracker
from tests.search.small_trials import forge, store_trial
from tests.search.tracked import is_whole, left_in, open_tracker, sending, trial_runs
from tests.server import Server
from tests.waiting import PATIENCE, wait_for

# What sending a trial asks of a server, in this order.
STEPS = ["runs/create", "runs/log-inputs", "runs/log-batch", "artifacts", "runs/update"]


class Wire:
    """What stands between uploader and server: counts requests, and loses what it is told to.

    Attributes:
        requests: What was asked for, a method and a path each.
        lose: Decides what happens to a request: "request", it does not reach the server; "answer",
            the server does what it is asked to, and the answer is lost; "fault", it answers with an
            error of its own; None, all goes well.
    """

    def __init__(self, server: Server) -> None:
        self.requests: list[str] = []
        self.lose: Callable[[str], str | None] = lambda _: None
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = f"{self.command} {self.path}"
                wire.requests.append(asked)
                loss = wire.lose(asked)
                if loss == "fault":
                    self.give(500, "text/plain", b"")
                    return
                if loss != "request":
                    self.pass_on(body, loss)
                if loss:
                    self.close_connection = True
                    self.connection.close()

            def pass_on(self, body: bytes, loss: str | None) -> None:
                onward = http.client.HTTPConnection("127.0.0.1", server.port)
                try:
                    onward.request(self.command, self.path, body, dict(self.headers))
                    answered = onward.getresponse()
                    content = answered.read()
                except OSError:  # the server was killed
                    self.close_connection = True
                    return
                finally:
                    onward.close()
                if not loss:
                    self.give(answered.status, answered.headers["Content-Type"] or "", content)

            def give(self, status: int, kind: str, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                # An empty file comes in chunks, of which this one leaves the last unread.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815  the names are http.server's
            do_DELETE = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._listener.server_address[1]}"
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()


class LoseOnce:
    """Loses the first request for something; `before` is called when it comes."""

    def __init__(self, wanted: str, loss: str, before: Callable[[], None] = lambda: None) -> None:
        self.wanted, self.loss, self.before, self.done = wanted, loss, before, False

    def __call__(self, asked: str) -> str | None:
        if self.done or self.wanted not in asked:
            return None
        self.done = True
        self.before()
        return self.loss


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    served = Server(tmp_path_factory.mktemp("server"))
    yield served
    served.kill()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    between = Wire(server)
    yield between
    between.close()


@pytest.fixture
def tracker(wire: Wire, request: pytest.FixtureRequest) -> Tracker:
    return open_tracker(wire.address, request.node.name)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.mark.parametrize("loss", ["request", "answer"])
@pytest.mark.parametrize("step", STEPS)
def test_a_lost_request_or_answer_costs_nothing_and_doubles_nothing(
    tracker: Tracker, wire: Wire, outbox: Outbox, step: str, loss: str
) -> None:
    records, told = [store_trial(outbox, number) for number in (0, 1)], list[str]()
    wire.lose = LoseOnce(step, loss)
    with sending(tracker, outbox, notify=told.append) as uploader:
        assert uploader.drain(PATIENCE) == []
    assert wire.lose.done
    assert is_whole(tracker, records)
    assert left_in(outbox) == []
    assert told == [], "what is over at the second try is not worth a word"


def test_a_run_that_a_slow_server_creates_after_all_does_not_stay(
    tracker: Tracker, wire: Wire, outbox: Outbox
) -> None:
    record = store_trial(outbox, 0)
    wire.lose = LoseOnce("runs/create", "request")
    searched = threading.Event()

    def late_twin(asked: str) -> None:
        if "runs/create" in asked and not searched.is_set():
            searched.set()
            tracker.create_run(0, 1, record.started)

    first = wire.lose
    wire.lose = lambda asked: first(asked) or late_twin(asked)
    with sending(tracker, outbox) as uploader:
        assert uploader.drain(PATIENCE) == []
    assert searched.is_set()
    assert is_whole(tracker, [record])


@pytest.mark.parametrize("step", [pytest.param("runs/create", marks=pytest.mark.long), "artifacts"])
def test_a_server_killed_in_the_middle_of_a_request_gets_all_when_it_is_back(
    tracker: Tracker, wire: Wire, server: Server, outbox: Outbox, step: str
) -> None:
    verdicts: dict[int, bool | None] = dict.fromkeys((0, 1, 2), True)
    records, told = [store_trial(outbox, number) for number in (0, 1)], list[str]()
    wire.lose = LoseOnce(step, "answer", lambda: threading.Timer(0.005, server.kill).start())
    with sending(tracker, outbox, lambda n, _: verdicts[n], told.append) as uploader:
        wait_for(lambda: told)
        records.append(store_trial(outbox, 2, live=LivePoints(outbox.live(2, 1), 15, seconds=0)))
        assert [unsent.final for unsent in uploader.drain(0.01)] == [False] * 3
        server.start()
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, records)
    assert left_in(outbox) == []
    assert len(told) == 2, told
    away, back = told
    assert away.startswith("MLflow is unavailable (")
    assert away.endswith("): training continues, records are kept for later")
    assert back == "MLflow is available again; 3 records uploaded"


def test_points_that_could_not_be_shown_are_sent_with_the_record(
    tracker: Tracker, wire: Wire, outbox: Outbox
) -> None:
    verdicts: dict[int, bool | None] = {0: None}
    told: list[str] = []
    wire.lose = lambda asked: "request" if "log-batch" in asked else None
    with sending(tracker, outbox, lambda number, _: verdicts[number], told.append) as uploader:
        record = store_trial(outbox, 0, live=LivePoints(outbox.live(0, 1), 15, seconds=0))
        wait_for(lambda: told)
        wire.lose = lambda _: None
        verdicts[0] = True
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [record])


def test_the_number_of_requests_does_not_grow_with_the_study(
    tracker: Tracker, wire: Wire, outbox: Outbox
) -> None:
    counted = []
    with sending(tracker, outbox) as uploader:
        for number in (3, 300):
            store_trial(outbox, number)
            before = len(wire.requests)
            assert uploader.drain(PATIENCE) == []
            counted.append(wire.requests[before:])
            for other in range(4, 54 if number == 3 else 0):
                tracker.create_run(other, 1, 0)
    methods = [[r.split("?")[0].split("/artifacts/")[0] for r in asked] for asked in counted]
    assert methods[0] == methods[1]
    assert not any("search" in asked for asked in methods[1])


def test_what_the_server_refuses_is_told_and_the_others_are_sent(
    tracker: Tracker, outbox: Outbox
) -> None:
    bad, good = [store_trial(outbox, number) for number in (0, 1)]
    point = bad.points[0].model_copy(update={"key": "a\tb"})
    forge(outbox.path(0, 1), bad.model_copy(update={"points": (*bad.points, point)}))
    told: list[str] = []
    with sending(tracker, outbox, notify=told.append) as uploader:
        assert [unsent.number for unsent in uploader.drain(PATIENCE)] == [0]
    assert len(told) == 1
    assert told[0].startswith("MLflow does not take the record of trial 0 (")
    assert left_in(outbox) == ["trial-0000.1", "trial-0000.1.run"]
    forge(outbox.path(0, 1), bad)
    with sending(tracker, outbox) as uploader:
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [bad, good])


def test_a_record_that_a_server_in_order_fails_at_holds_up_no_other(
    tracker: Tracker, wire: Wire, outbox: Outbox
) -> None:
    records, told = [store_trial(outbox, number) for number in (0, 1)], list[str]()
    ours = re.compile("PUT (?!.*studyhall-check)")
    wire.lose = lambda asked: (
        "fault" if ours.match(asked) and len(trial_runs(tracker)) == 1 else None
    )
    with sending(tracker, outbox, notify=told.append) as uploader:
        assert [unsent.number for unsent in uploader.drain(PATIENCE)] == [0]
        away, aside, _ = told
        assert away.startswith("MLflow is unavailable (too many 500 error responses)")
        assert aside.startswith("MLflow does not take the record of trial 0 (too many 500 error")
        assert left_in(outbox) == ["trial-0000.1", "trial-0000.1.run"]
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, records)
