"""Each way in which MLflow can differ from the study: found, named, put right, and then gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyhall.search.common.errors import StudyhallError
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.repair import repair
from studyhall.search.tracking.tracker import Tracker
from tests.mlflow_database import sqlite
from tests.search.sync.scenes import LIVE, Plant, Scene, Stored
from tests.search.tracked import open_tracker, sending
from tests.waiting import PATIENCE

# What is planted, and what must be found: kinds with trials, in the order of the trials.
FAULTS: dict[str, tuple[Plant, list[tuple[str, int | None]]]] = {
    "nothing": (lambda s: None, []),
    "run deleted for good": (lambda s: s.forget(0), [("missing", 0)]),
    "failed run deleted for good": (lambda s: s.forget(2), [("missing", 2)]),
    "run deleted": (lambda s: s.delete(1), [("deleted", 1)]),
    "deleted and wrong": (
        lambda s: (s.set_status(1, "FAILED"), s.delete(1)),
        [("deleted", 1), ("wrong", 1)],
    ),
    "sent twice": (lambda s: s.add_twin(0), [("duplicate", 0)]),
    "sent twice, one deleted": (lambda s: (s.delete(0), s.add_twin(0)), []),
    "poor twin": (lambda s: s.add_poor_twin(0), [("duplicate", 0)]),
    "no such trial": (lambda s: s.add_ended(99, 1), [("orphaned", 99)]),
    "no such trial, running": (lambda s: s.add_running(99, 1), [("orphaned", 99)]),
    "no number": (lambda s: s.add_ended("many", 1), [("orphaned", None)]),
    "other attempt": (lambda s: s.add_ended(0, 2), [("orphaned", 0)]),
    "ended though the trial has not": (lambda s: s.add_ended(LIVE, 1), [("orphaned", LIVE)]),
    "dead attempt": (lambda s: s.add_running(LIVE, 1), [("stale", LIVE)]),
    "dead attempt at a trial that ended": (lambda s: s.add_running(1, 3), [("stale", 1)]),
    "half sent, without its record": (
        lambda s: (s.forget(1), s.add_running(1, 1)),
        [("stale", 1), ("missing", 1)],
    ),
    "never ended": (lambda s: s.set_status(0, "RUNNING"), [("wrong", 0)]),
    "other status": (lambda s: s.set_status(1, "FINISHED"), [("wrong", 1)]),
    "other state": (lambda s: s.set_tag(0, "state", "pruned"), [("wrong", 0)]),
    "no reason": (lambda s: s.drop_tag(1, "reason"), [("wrong", 1)]),
    "a reason too much": (lambda s: s.set_tag(0, "reason", "none"), [("wrong", 0)]),
    "other digest": (lambda s: s.set_tag(0, "weights_sha256", "0" * 64), [("wrong", 0)]),
    "other value": (lambda s: s.set_value(0), [("contents", 0)]),
    "record waits": (lambda s: s.let_wait(0), [("unsent", 0)]),
    "record half sent": (lambda s: s.let_wait_half_sent(1), [("unsent", 1)]),
    "record waits damaged": (
        lambda s: (s.forget(0), s.let_wait_damaged(0)),
        [("missing", 0)],
    ),
    "record half sent, then damaged": (
        lambda s: (s.let_wait_half_sent(1), s.let_wait_damaged(1)),
        [("stale", 1), ("missing", 1)],
    ),
    "damaged record of a whole run": (lambda s: s.let_wait_damaged(0), [("damaged", 0)]),
    "byte of the weights": (
        lambda s: s.spoil_file(0, "model/data/weights/model.safetensors"),
        [("artifacts", 0)],
    ),
    "byte of the checksums": (lambda s: s.spoil_file(1, "SHA256SUMS"), [("artifacts", 1)]),
    "picture gone": (lambda s: s.drop_file(1, "learning_curve.png"), [("artifacts", 1)]),
    "all files gone": (lambda s: s.drop_files(2), [("artifacts", 2)]),
    "other sum": (lambda s: s.set_tag(2, "artifacts_sha256", "0" * 64), [("artifacts", 2)]),
}
ONLY_TRAINING_REPAIRS = {"missing", "contents", "artifacts"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return sqlite(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return Stored(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def scene(
    uri: str,
    stored: Stored,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    monkeypatch.chdir(tmp_path)  # MLflow puts the artifacts below the working folder
    return Scene(open_tracker(uri, request.node.name), Outbox(tmp_path / "outbox"), stored)


def repairs_told(tracker: Tracker) -> list[str]:
    """What the study's run says was repaired, without the times."""
    run = tracker.client.get_run(tracker.study_run.run_id)
    lines = run.data.tags.get("studyhall.repairs", "").splitlines()
    return [line.split(" ", 1)[1] for line in lines]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_named_and_put_right(scene: Scene, fault: str) -> None:
    plant, expected = FAULTS[fault]
    plant(scene)
    found = scene.compare()
    assert [(finding.kind, finding.number) for finding in found] == expected
    for finding in found:
        assert finding.problem.startswith(f"trial {finding.number}: ")
    done = scene.repair()
    assert done.left == ()
    assert len(done.done) == len(expected)
    assert scene.compare() == []
    assert scene.is_right()
    assert repairs_told(scene.tracker) == list(done.done)


@pytest.mark.parametrize(
    "fault", ["half sent, without its record", "other value", "all files gone", "never ended"]
)
def test_without_training_again_the_rest_is_put_right(scene: Scene, fault: str) -> None:
    plant, expected = FAULTS[fault]
    plant(scene)
    left = [kind for kind, _ in expected if kind in ONLY_TRAINING_REPAIRS]
    repairs = scene.repair(retraining=False)
    assert len(repairs.left) == len(left)
    assert all("; only training the trial again can repair that" in line for line in repairs.left)
    assert [finding.kind for finding in scene.compare()] == left


def test_without_fetching_files_only_their_damage_goes_unseen(scene: Scene) -> None:
    scene.drop_files(2)
    scene.delete(1)
    assert [finding.kind for finding in scene.compare(deep=False)] == ["deleted"]


@pytest.mark.parametrize("fault", ["run deleted for good", "byte of the weights"])
def test_a_training_that_comes_out_another_way_repairs_nothing(scene: Scene, fault: str) -> None:
    FAULTS[fault][0](scene)

    def other(number: int) -> None:
        raise StudyhallError(f"trial {number} came out another way")

    findings = scene.compare()
    repairs = repair(findings, scene.standings, scene.tracker, scene.outbox, other)
    assert repairs.done == ()
    assert repairs.left == (f"{findings[0].problem}; trial 0 came out another way",)
    assert scene.compare() == findings
    assert scene.outbox.entries() == []


def test_what_another_process_is_sending_is_left_to_it(scene: Scene) -> None:
    scene.let_wait(0)
    scene.delete(1)
    lock = scene.outbox.upload_lock()
    with lock:
        repairs = scene.repair()
    assert repairs.left == (
        "trial 0: its record has not been uploaded; a running launch uploads the records",
    )
    assert len(repairs.done) == 1
    assert [finding.kind for finding in scene.compare()] == ["unsent"]


def test_a_run_that_ends_while_it_is_being_judged_is_left(scene: Scene) -> None:
    run_id = scene.add_running(LIVE, 1)
    findings = scene.compare()
    scene.tracker.client.set_terminated(run_id, "FINISHED")
    repairs = repair(findings, scene.standings, scene.tracker, scene.outbox)
    assert repairs.done == ()
    assert repairs.left == (f"{findings[0].problem}; it has ended since",)


def test_files_that_are_replaced_after_a_crash_are_replaced_once(scene: Scene) -> None:
    scene.spoil_file(0, "settings.json")
    before = scene.run_of(0)

    class KilledError(BaseException):
        """Stands for the end of the process."""

    def train_and_die(number: int) -> None:
        scene.train_again(number)
        scene.outbox.remove = lambda *_: None  # type: ignore[method-assign]
        raise KilledError

    with pytest.raises(KilledError):
        repair(scene.compare(), scene.standings, scene.tracker, scene.outbox, train_and_die)
    scene.outbox = Outbox(scene.outbox.folder)
    with sending(scene.tracker, scene.outbox) as uploader:
        assert uploader.drain(PATIENCE) == []
    assert scene.compare() == []
    assert scene.is_right()
    assert scene.run_of(0) == before


def test_what_was_repaired_is_added_to_what_was_before(scene: Scene) -> None:
    for number in (0, 1):
        scene.delete(number)
        scene.repair()
    assert [line.partition(":")[0] for line in repairs_told(scene.tracker)] == [
        "trial 0",
        "trial 1",
    ]
