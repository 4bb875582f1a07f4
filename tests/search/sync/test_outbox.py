"""Records on disk: whole or not there, known to the byte, and told apart from what is left over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import astuple
from pathlib import Path

import pytest

from studyhall.search.common.errors import StudyhallError
from studyhall.search.sync.outbox import Outbox
from studyhall.search.training.record import DamagedRecordError, Point, StoredRecord, read
from tests.search.small_trials import store_trial

ROOT = Path(__file__).resolve().parents[3]


def names(outbox: Outbox) -> list[str]:
    return sorted(path.name for path in outbox.folder.iterdir())


def in_another_process(statement: str, *, dies: bool = False) -> None:
    done = subprocess.run(
        [sys.executable, "-c", statement],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == (-9 if dies else 0), done.stderr


def test_a_record_is_read_back_as_it_was_stored(outbox: Outbox) -> None:
    stored = store_trial(outbox, 7, attempt=2)
    assert names(outbox) == ["trial-0007.2"]
    assert read(outbox.path(7, 2)) == stored
    assert (stored.number, stored.attempt, stored.state) == (7, 2, "complete")


def test_values_that_are_not_finite_are_read_back(stored: Outbox) -> None:
    record = read(stored.path(7, 1))
    points = tuple(
        Point(key="gradient_norm", value=value, step=step, timestamp=1)
        for step, value in enumerate([float("nan"), float("inf"), -float("inf")])
    )
    again = StoredRecord.model_validate_json(
        record.model_copy(update={"points": points, "value": float("inf")}).model_dump_json()
    )
    assert [str(point.value) for point in again.points] == ["nan", "inf", "-inf"]
    assert again.value == float("inf")


def test_anyone_can_check_a_record(stored: Outbox) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(command, cwd=stored.path(7, 1), check=True)
    lines = (stored.path(7, 1) / "SHA256SUMS").read_text().splitlines()
    listed = {line.split("  ")[1] for line in lines}
    assert {"record.json", "weights/model.safetensors", "artifacts/settings.json"} <= listed


FILES = ["record.json", "weights/model.safetensors", "artifacts/learning_curve.png"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["changed byte", "missing"])
def test_a_damaged_record_is_refused_by_the_name_of_the_file(
    stored: Outbox, outbox: Outbox, name: str, harm: str
) -> None:
    shutil.copytree(stored.path(7, 1), outbox.path(7, 1))
    path = outbox.path(7, 1) / name
    if harm == "missing":
        path.unlink()
        rule = "must be there and readable: No such file or directory"
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        rule = "must have the SHA-256 "
    with pytest.raises(DamagedRecordError) as caught:
        read(outbox.path(7, 1))
    assert str(caught.value).startswith(f"{path}: {rule}")
    assert str(caught.value).endswith(
        "; run `studyhall doctor` with --fix to have the trial trained again"
    )


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"no sums\n"])
def test_a_record_without_its_sums_is_refused(
    stored: Outbox, outbox: Outbox, content: bytes | None
) -> None:
    shutil.copytree(stored.path(7, 1), outbox.path(7, 1))
    sums = outbox.path(7, 1) / "SHA256SUMS"
    sums.unlink() if content is None else sums.write_bytes(content)
    with pytest.raises(DamagedRecordError) as caught:
        read(outbox.path(7, 1))
    assert str(caught.value).startswith(f"{sums}: must ")


def test_what_waits_is_listed_by_trial_and_attempt(outbox: Outbox) -> None:
    for name in ["trial-10000.1", "trial-0009.10", "trial-0009.2", ".trial-0001.1~x"]:
        (outbox.folder / name).mkdir(parents=True)
    for name in ["trial-0009.2.live", "trial-0003.1.live", "trial-0004.1.run", "sending.lock"]:
        (outbox.folder / name).touch()
    assert [(w.number, w.attempt, w.record, w.live) for w in outbox.entries()] == [
        (3, 1, False, True),
        (4, 1, False, False),
        (9, 2, True, True),
        (9, 10, True, False),
        (10000, 1, True, False),
    ]
    assert [(w.number, w.attempt) for w in outbox.records()] == [(9, 2), (9, 10), (10000, 1)]
    assert Outbox(outbox.folder / "nowhere").entries() == []


def run_of(outbox: Outbox) -> tuple[bool, str | None, bool]:
    entry = outbox.entry(7, 1)
    return entry.run_noted, entry.run_id, entry.doubtful


def test_a_run_is_noted_and_a_note_that_cannot_be_read_leaves_it_in_doubt(outbox: Outbox) -> None:
    assert not outbox.entry(7, 1).run_noted
    outbox.folder.mkdir()
    outbox.note_run(7, 1, "abc")
    assert run_of(outbox) == (True, "abc", False)
    (outbox.folder / "trial-0007.1.run").write_bytes(b'{"run_id": "ab')
    assert run_of(outbox) == (True, None, True)
    assert [astuple(entry) for entry in outbox.entries()] == [astuple(outbox.entry(7, 1))]


def test_removal_leaves_nothing_of_an_attempt_and_all_of_the_others(
    stored: Outbox, outbox: Outbox
) -> None:
    for attempt in (1, 2):
        shutil.copytree(stored.path(7, 1), outbox.path(7, attempt))
        outbox.live(7, attempt).touch()
        outbox.note_run(7, attempt, "abc")
    outbox.remove(7, 1)
    outbox.remove(8, 1)
    assert names(outbox) == ["trial-0007.2", "trial-0007.2.live", "trial-0007.2.run"]


def test_a_half_deleted_record_is_no_record_and_is_swept_away(
    stored: Outbox, outbox: Outbox
) -> None:
    shutil.copytree(stored.path(7, 1), outbox.path(7, 1))
    in_another_process(
        "import os, shutil, signal\n"
        "from pathlib import Path\n"
        "from studyhall.search.sync.outbox import Outbox\n"
        "shutil.rmtree = lambda path, **_: (os.unlink(path / 'record.json'),"
        " os.kill(os.getpid(), signal.SIGKILL))\n"
        f"Outbox(Path({str(outbox.folder)!r})).remove(7, 1)",
        dies=True,
    )
    assert outbox.entries() == []
    assert len(names(outbox)) == 1
    outbox.sweep()
    assert names(outbox) == []


def test_only_what_dead_processes_left_is_swept_away(outbox: Outbox) -> None:
    outbox.folder.mkdir()
    owner = (
        "from pathlib import Path\n"
        "from studyhall.search.common.atomic_files import temporary_name\n"
    )
    path = f"temporary_name(Path({str(outbox.path(7, 1))!r})).mkdir()"
    in_another_process(owner + path)
    in_another_process(owner + path.replace("mkdir", "touch"))
    from studyhall.search.common.atomic_files import temporary_name

    own = temporary_name(outbox.path(8, 1))
    own.mkdir()
    foreign = [outbox.folder / f".trial-0009.{n}~elsewhere:abc:1:2:3" for n in (1, 2)]
    for folder in foreign:
        folder.mkdir()
    yesterday = time.time() - 25 * 60 * 60
    os.utime(foreign[0], (yesterday, yesterday))
    outbox.sweep()
    assert names(outbox) == sorted([own.name, foreign[1].name])


@pytest.mark.parametrize("killed_in", ["manifest", "publish", "plots.learning_curve"])
def test_a_worker_killed_while_it_stores_leaves_no_record(outbox: Outbox, killed_in: str) -> None:
    in_another_process(
        "import os, signal\n"
        "from pathlib import Path\n"
        "from studyhall.search.sync.outbox import Outbox\n"
        "from tests.search.small_trials import store_trial\n"
        "from studyhall.search.training import record\n"
        f"record.{killed_in} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"store_trial(Outbox(Path({str(outbox.folder)!r})), 7)",
        dies=True,
    )
    assert outbox.entries() == []
    outbox.sweep()
    assert names(outbox) == []
    store_trial(outbox, 7)
    assert names(outbox) == ["trial-0007.1"]


def test_a_run_that_cannot_be_read_hides_no_other_entry(outbox: Outbox) -> None:
    store_trial(outbox, 7)
    store_trial(outbox, 8)
    (outbox.folder / "trial-0007.1.run").mkdir()
    assert [(entry.number, entry.may_have_strays) for entry in outbox.records()] == [
        (7, True),
        (8, False),
    ]
    with pytest.raises(IsADirectoryError):
        outbox.entry(7, 1)


def test_a_full_disk_is_told_and_leaves_nothing(outbox: Outbox) -> None:
    in_another_process(
        "import resource, signal\n"
        "from pathlib import Path\n"
        "from studyhall.search.common.errors import StudyhallError\n"
        "from studyhall.search.sync.outbox import Outbox\n"
        "from tests.search.small_trials import store_trial\n"
        "import studyhall.search.training.plots\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "try:\n"
        f"    store_trial(Outbox(Path({str(outbox.folder)!r})), 7)\n"
        "except StudyhallError as error:\n"
        "    assert 'the record of trial 7 cannot be written: File too large' in str(error)\n"
        "else:\n"
        "    raise AssertionError('stored')\n"
    )
    assert names(outbox) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "outbox").touch()
    with pytest.raises(StudyhallError) as caught:
        store_trial(Outbox(tmp_path / "outbox"), 7)
    assert str(caught.value) == (
        f"{tmp_path}/outbox/trial-0007.1: the record of trial 7 cannot be written: "
        "Not a directory; make room, then launch again: the trial is trained again"
    )
