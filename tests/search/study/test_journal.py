"""The journal file: what a killed process can leave in it, and that others go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from optuna.trial import FrozenTrial, TrialState

from studyhall.search.common.errors import UsageError
from studyhall.search.study.storage import exclusive, open_storage, read_storage
from tests.search.study.processes import Worker
from tests.search.study.storage_worker import opened


def written(path: Path) -> list[bytes]:
    """Write one record of each kind that a study makes; return the journal's lines."""
    storage, study = opened(str(path))
    storage.set_study_user_attr(study, "spec", {"name": "größe"})
    trial = storage.create_new_trial(study)
    storage.set_trial_user_attr(trial, "claim", {"owner": "a", "attempt": 1})
    storage.set_trial_intermediate_value(trial, 1, 1 / 3)
    storage.set_trial_system_attr(trial, "rung", 0.5)
    storage.set_trial_state_values(trial, TrialState.COMPLETE, [2.0])
    return path.read_bytes().splitlines(keepends=True)


def trials_in(path: Path) -> list[FrozenTrial]:
    storage = read_storage(path)
    return [
        t for study in storage.get_all_studies() for t in storage.get_all_trials(study._study_id)
    ]


def summary_of(path: Path) -> list[str]:
    return [repr(trial) for trial in trials_in(path)]


def test_a_line_cut_anywhere_is_dropped_and_nothing_before_it(tmp_path):
    lines = written(tmp_path / "journal")
    path = tmp_path / "cut"
    for number, line in enumerate(lines):
        kept = b"".join(lines[:number])
        path.write_bytes(kept)
        expected = summary_of(path)
        for length in range(len(line)):
            path.write_bytes(kept + line[:length])
            assert summary_of(path) == expected  # without mending: reading changes nothing
            assert path.read_bytes() == kept + line[:length]
            open_storage(path)
            assert path.read_bytes() == kept


@pytest.fixture
def appender() -> Iterator[Worker]:
    """Another process, which has a journal open when a third dies in the middle of a write."""
    with Worker("append", "-") as worker:
        worker.wait_until_ready()
        worker.tell()
        yield worker


def test_another_process_appends_behind_a_line_cut_anywhere(tmp_path, appender):
    *lines, last = written(tmp_path / "journal")
    for length in range(len(last)):
        path = tmp_path / f"cut-{length}"
        path.write_bytes(b"".join(lines))
        reader = read_storage(path)
        appender.tell(str(path))
        assert appender.answer() == "opened"
        with path.open("ab") as file:
            file.write(last[:length])
        before = [repr(t) for t in reader.get_all_trials(0)]
        appender.tell()
        assert appender.answer() == "appended"
        assert path.read_bytes().startswith(b"".join(lines))
        for storage in (reader, open_storage(path)):
            first, second = storage.get_all_trials(0)
            assert [repr(first)] == before
            assert (first.state, second.number) == (TrialState.RUNNING, 1)
            assert second.user_attrs == {"by": "another process"}


def test_a_write_that_found_the_disk_full_is_repeated_whole(tmp_path):
    """The process lives on, with the beginning of its line in the file."""
    path = tmp_path / "journal"
    written(path)
    storage, study = opened(str(path))
    trial = storage.create_new_trial(study)
    with path.open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"x","trial_id":1,"user_attr":{"seconds":1')
    storage.set_trial_user_attr(trial, "seconds", 12)
    assert trials_in(path)[1].user_attrs == {"seconds": 12}


def test_reading_creates_no_file(tmp_path):
    assert read_storage(tmp_path / "folder" / "journal").get_all_studies() == []
    assert list(tmp_path.iterdir()) == []


def test_a_process_killed_while_it_holds_the_lock_blocks_no_one(tmp_path):
    path = tmp_path / "journal"
    opened(str(path))
    script = (
        "import sys, time; from studyhall.search.study.storage import open_storage\n"
        "open_storage(__import__('pathlib').Path(sys.argv[1]))._backend._lock.acquire()\n"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    storage, study = opened(str(path))
    storage.create_new_trial(study)
    assert len(trials_in(path)) == 1


def test_a_journal_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UsageError) as caught:
        open_storage(tmp_path)
    assert str(caught.value).startswith(f"--storage: {tmp_path} must be a file that can be written")


@pytest.mark.parametrize("text", ["no journal\nat all\n", '{"op_code": "?"}\n{}\n'])
def test_a_file_that_is_no_journal_is_named(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(UsageError, match="must be a study's journal"):
        read_storage(path)
    assert path.read_text() == text


def test_the_locks_are_in_the_folder_for_what_users_need_not_see(tmp_path):
    path = tmp_path / "journal"
    with exclusive(open_storage(path), "claims"):
        assert sorted(file.name for file in tmp_path.iterdir()) == [".studyhall", "journal"]
        locks = sorted(file.name for file in (tmp_path / ".studyhall").iterdir())
        assert locks == ["journal.claims.lock", "journal.lock"]


def test_lock_files_of_version_0_1_0_are_removed_unless_a_process_holds_them(tmp_path):
    path, held = tmp_path / "journal", tmp_path / "journal.claims.lock"
    free = [tmp_path / f"journal.{name}lock" for name in ("", "start.", "tracking.", "champion.")]
    for file in free:
        file.touch()
    with FileLock(held):
        open_storage(path)
        assert held.exists()
        assert not any(file.exists() for file in free)
    open_storage(path)
    assert not held.exists()


@pytest.mark.parametrize("content", [b"\xff\x00a picture", b"one line", b"two\nlines", b"[1, 2]"])
def test_a_file_of_another_kind_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for open_it in (read_storage, open_storage):
        with pytest.raises(UsageError, match="must be a study's journal"):
            open_it(path)
    assert path.read_bytes() == content
    assert [left.name for left in tmp_path.iterdir()] == ["notes.txt"]
