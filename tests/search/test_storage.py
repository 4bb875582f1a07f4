"""The journal file: what a killed process can leave in it, and that others go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import optuna
import pytest

from search.errors import UsageError
from search.storage import open_storage


def study_in(path) -> optuna.Study:
    return optuna.create_study(study_name="s", storage=open_storage(path), load_if_exists=True)


def test_a_last_line_cut_anywhere_is_dropped_and_nothing_before_it(tmp_path):
    path = tmp_path / "journal"
    study = study_in(path)
    study.tell(study.ask(), 1.0)
    study.tell(study.ask(), 2.0)
    last = path.read_bytes().splitlines(keepends=True)[-1]
    kept = path.read_bytes().removesuffix(last)
    for length in range(len(last)):
        path.write_bytes(kept + last[:length])
        open_storage(path)
        assert path.read_bytes() == kept
        again = study_in(path)
        again.tell(again.ask(), 3.0)
        assert [t.value for t in study_in(path).trials] == [1.0, None, 3.0]


def test_a_process_killed_while_it_holds_the_lock_blocks_no_one(tmp_path):
    path = tmp_path / "journal"
    study_in(path)
    script = (
        "import sys, time; from search.storage import open_storage\n"
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
    study = study_in(path)
    study.tell(study.ask(), 1.0)
    assert len(study.trials) == 1


def test_a_journal_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UsageError) as caught:
        open_storage(tmp_path)
    assert str(caught.value).startswith(f"--storage: {tmp_path} must be a file that can be written")
