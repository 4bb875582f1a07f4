"""From the outbox to MLflow: one run a trial, with all that its record holds, whatever happens."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from studyhall.search.common.errors import StudyhallError
from studyhall.search.sync.live_points import LivePoints, LiveReader
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import Point, StoredRecord, read
from tests.search.small_trials import forge, store_trial
from tests.search.tracked import curve_in, curve_of, is_whole, left_in, sending, trial_runs
from tests.waiting import PATIENCE, wait_for

ROOT = Path(__file__).resolve().parents[3]
POINTS_OF_DEATH = [
    "run about to be created",
    "run created",
    "run noted",
    "data logged",
    "points logged",
    "artifacts laid out",
    "batch logged",
    "artifacts logged",
    "run ended",
    "record about to be deleted",
    "record hidden",
    "record deleted",
]
# One in the middle of a run and one at its end stand for all in the short run.
MOSTLY_LONG = [
    point
    if point in {"batch logged", "record hidden"}
    else pytest.param(point, marks=pytest.mark.long)
    for point in POINTS_OF_DEATH
]


def with_bad_name(record: StoredRecord) -> StoredRecord:
    """The record with a metric of a name that MLflow refuses."""
    bad = record.points[0].model_copy(update={"key": "a\tb"})
    return record.model_copy(update={"points": (*record.points, bad)})


def test_each_record_becomes_one_run_in_the_matching_state(
    tracker: Tracker, outbox: Outbox
) -> None:
    records = [
        store_trial(outbox, 0),
        store_trial(outbox, 1, prune=True),
        store_trial(outbox, 2, attempt=2, learning_rate=1e30),
    ]
    assert [record.state for record in records] == ["complete", "pruned", "failed"]
    with sending(tracker, outbox) as uploader:
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, records)
    assert left_in(outbox) == []


def test_the_sums_of_all_artifacts_are_tagged(
    tracker: Tracker, outbox: Outbox, tmp_path: Path
) -> None:
    store_trial(outbox, 0)
    with sending(tracker, outbox) as uploader:
        uploader.drain(PATIENCE)
    (run,) = trial_runs(tracker)
    folder = Path(tracker.client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    sums = (folder / "SHA256SUMS").read_bytes()
    assert run.data.tags["studyhall.artifacts_sha256"] == hashlib.sha256(sums).hexdigest()
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    listed = {line.split("  ")[1] for line in sums.decode().splitlines()}
    assert listed == {
        name for name in files if name != "SHA256SUMS" and not name.startswith("outbox")
    }
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(command, cwd=folder, check=True)


def test_a_trial_is_seen_while_it_trains_and_goes_on_in_the_same_run(
    tracker: Tracker, outbox: Outbox
) -> None:
    verdicts: dict[int, bool | None] = {0: None}
    live = LivePoints(outbox.live(0, 1), 15, seconds=0)
    with sending(tracker, outbox, lambda number, _: verdicts[number]) as uploader:
        record = store_trial(outbox, 0, live=live)
        wait_for(lambda: trial_runs(tracker) and trial_runs(tracker)[0].data.metrics)
        (run,) = trial_runs(tracker)
        assert run.info.status == "RUNNING"
        assert uploader.drain(PATIENCE) == []
        assert outbox.path(0, 1).exists()
        (run,) = trial_runs(tracker)
        shown = curve_of(tracker.client, run)
        assert shown == curve_in(tuple(live.points))
        verdicts[0] = True
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [record])
    assert trial_runs(tracker)[0].info.run_id == run.info.run_id
    assert left_in(outbox) == []


def test_an_attempt_that_was_overtaken_leaves_no_run_and_no_file(
    tracker: Tracker, outbox: Outbox
) -> None:
    verdicts: dict[int, bool | None] = {1: None, 2: None}
    store_trial(outbox, 3, live=LivePoints(outbox.live(3, 1), 15, seconds=0))
    with sending(tracker, outbox, lambda _, attempt: verdicts[attempt]) as uploader:
        wait_for(lambda: trial_runs(tracker))
        verdicts[1] = False
        second = store_trial(outbox, 3, attempt=2)
        assert uploader.drain(PATIENCE) == []
        assert trial_runs(tracker) == []
        assert left_in(outbox) == ["trial-0003.2"]
        verdicts[2] = True
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [second])
    assert len(trial_runs(tracker, ViewType.DELETED_ONLY)) == 1


@pytest.mark.parametrize("bad", ["damaged", "refused"])
def test_a_record_that_cannot_be_sent_is_told_once_and_holds_up_no_other(
    tracker: Tracker, outbox: Outbox, bad: str
) -> None:
    record, last, told = store_trial(outbox, 0), store_trial(outbox, 1), list[str]()
    path = outbox.path(0, 1)
    if bad == "damaged":
        weights = path / "weights/model.safetensors"
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    else:
        forge(path, with_bad_name(record))
    with sending(tracker, outbox, notify=told.append) as uploader:
        (unsent,) = uploader.drain(PATIENCE)
        assert uploader.drain(PATIENCE) == [unsent]
    assert (unsent.number, unsent.attempt, unsent.final) == (0, 1, True)
    (sentence,) = told
    if bad == "damaged":
        assert sentence.startswith(f"{path}/weights/model.safetensors: must have the SHA-256 ")
        assert is_whole(tracker, [last])
    else:
        assert sentence.startswith("MLflow does not take the record of trial 0 (")
        assert "Invalid value" in sentence
        assert sentence.endswith(
            f"; it is kept in {path}: correct the cause, then run `studyhall sync`"
        )
    assert trial_runs(tracker)[-1].info.status == "FINISHED"
    assert path.exists()


def test_a_refused_record_is_sent_to_the_same_run_once_it_is_mended(
    tracker: Tracker, outbox: Outbox
) -> None:
    record = store_trial(outbox, 0)
    path = outbox.path(0, 1)
    forge(path, with_bad_name(record))
    with sending(tracker, outbox) as uploader:
        assert len(uploader.drain(PATIENCE)) == 1
        forge(path, record)
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [record])


@pytest.mark.parametrize("fate", ["deleted", "deleted for good"])
def test_a_run_that_is_deleted_while_its_trial_trains_comes_back(
    tracker: Tracker, outbox: Outbox, fate: str
) -> None:
    verdicts: dict[int, bool | None] = {0: None}
    with sending(tracker, outbox, lambda number, _: verdicts[number]) as uploader:
        record = store_trial(outbox, 0, live=LivePoints(outbox.live(0, 1), 15, seconds=0))
        wait_for(lambda: trial_runs(tracker))
        uploader.drain(PATIENCE)
        run_id = trial_runs(tracker)[0].info.run_id
        tracker.client.delete_run(run_id)
        if fate == "deleted for good":
            tracker.client._tracking_client.store._hard_delete_run(run_id)
        verdicts[0] = True
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [record])


def test_what_is_sent_again_stands_once(tracker: Tracker, stored: Outbox, outbox: Outbox) -> None:
    shutil.copytree(stored.folder, outbox.folder)
    record = store_trial(outbox, 7)
    odd = tuple(
        Point(key="odd", value=value, step=step, timestamp=1)
        for step, value in enumerate([float("nan"), float("inf"), -float("inf"), 0.1 + 0.2])
    )
    record = record.model_copy(update={"points": record.points + odd})
    forge(outbox.path(7, 1), record)
    run_id = tracker.create_run(7, 1, record.started)
    sums = set()
    for _ in range(2):
        tracker.log_data(run_id)
        tracker.log_record(run_id, outbox.path(7, 1), record)
        (run,) = trial_runs(tracker)
        sums.add(run.data.tags["studyhall.artifacts_sha256"])
    assert len(sums) == 1
    curve = curve_of(tracker.client, run)
    assert [point for point in curve if point[0] != "odd"] == [
        point for point in curve_in(record.points) if point[0] != "odd"
    ]
    assert [value for key, *_, value in curve if key == "odd"] == [
        "nan",
        "1.7976931348623157e+308",
        "-1.7976931348623157e+308",
        "0.30000000000000004",
    ]
    assert len(run.inputs.dataset_inputs) == 1


def test_a_second_uploader_leaves_the_outbox_to_the_first_and_then_takes_over(
    tracker: Tracker, outbox: Outbox
) -> None:
    with sending(tracker, outbox) as first:
        first.drain(PATIENCE)
        with sending(tracker, outbox) as second:
            record = store_trial(outbox, 0)
            assert first.drain(PATIENCE) == []
            assert second.drain(PATIENCE) == []
            assert first.stop(PATIENCE)
            later = store_trial(outbox, 1)
            assert second.drain(PATIENCE) == []
    assert is_whole(tracker, [record, later])


def test_an_uploader_waits_for_a_study_that_is_silent(tracker: Tracker, outbox: Outbox) -> None:
    record, answers, told = store_trial(outbox, 0), list[bool](), list[str]()

    def accepted(*_: int) -> bool:
        if not answers:
            raise StudyhallError("the database is being restarted")
        return answers[0]

    with sending(tracker, outbox, accepted, told.append) as uploader:
        wait_for(lambda: told)
        (unsent,) = uploader.drain(0.01)
        assert unsent.number == 0
        answers.append(True)
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [record])
    assert told == [
        "records cannot be uploaded (the database is being restarted): training continues, "
        "records are kept for later",
        "MLflow is available again; 1 record uploaded",
    ]


def test_an_uploader_ends_in_time_though_mlflow_hangs(tracker: Tracker, outbox: Outbox) -> None:
    store_trial(outbox, 0)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        hung = MlflowClient(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        tracker_of_hung = Tracker(tracker.study_run, hung)
        uploader = OutboxUploader(tracker_of_hung, outbox, lambda *_: True, lambda _: None)
        uploader.start()
        connection, _ = deaf.accept()  # the request is there, and nobody answers it
        (unsent,) = uploader.drain(0.01)
        assert (unsent.number, unsent.final) == (0, False)
        assert not uploader.stop(0.01)
        connection.close()
    assert uploader.stop(PATIENCE)
    assert outbox.path(0, 1).exists()


@pytest.mark.parametrize("point", MOSTLY_LONG)
def test_an_uploader_killed_at_any_step_is_continued_by_another(
    tracker: Tracker, uri: str, stored: Outbox, outbox: Outbox, point: str
) -> None:
    shutil.copytree(stored.folder, outbox.folder)
    record = read(outbox.path(7, 1))
    name = tracker.client.get_experiment(tracker.study_run.experiment_id).name
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.search.sync.dying_uploader",
            point,
            uri,
            name,
            str(outbox.folder),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert left_in(outbox) != []
    with sending(tracker, outbox) as uploader:
        assert uploader.drain(PATIENCE) == []
    assert is_whole(tracker, [record])
    assert left_in(outbox) == []


def test_points_are_read_in_whole_lines_and_a_full_disk_ends_them_quietly(tmp_path: Path) -> None:
    path = tmp_path / "trial-0000.1.live"
    live = LivePoints(path, 15, seconds=0)
    reader = LiveReader(path)
    assert reader.new_points() == []
    store_trial(Outbox(tmp_path / "outbox"), 0, live=live)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    first = reader.new_points()
    assert first == live.points[:-1]
    path.write_bytes(content)
    assert reader.new_points() == live.points[-1:]
    assert reader.new_points() == []
    path.unlink()
    store_trial(Outbox(tmp_path / "outbox"), 0, live=live)
    assert not path.exists(), "a file that was taken away is not begun again"


def test_a_trial_trains_on_when_its_points_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "full"
    path.symlink_to("/dev/full")
    live = LivePoints(path, 15, seconds=0)
    record = store_trial(Outbox(tmp_path / "outbox"), 0, live=live)
    assert record.points[:-1] == tuple(live.points)
