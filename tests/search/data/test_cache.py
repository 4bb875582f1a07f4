"""The cache folder under stress: several processes, kills, full disks, unwritable folders."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT
from studyhall.search.data.arrays import write_arrays
from studyhall.search.data.cache import cache_folder, exclusive, staging
from studyhall.search.data.catalog import DatasetInfo, Piece
from studyhall.search.data.datasets import fetch
from studyhall.search.data.verification import verify

# Fetches the info that is pickled on standard input, after something that a test prepares.
CHILD = """
import os, pickle, resource, signal, sys
from pathlib import Path
from studyhall.search.data.datasets import fetch
from studyhall.search.common.errors import StudyhallError

class Progress:
    def start(self, description, total):
        print(description, flush=True)
    def advance(self, amount):
        {on_advance}
    def note(self, message):
        print(message, flush=True)

info, place = pickle.load(sys.stdin.buffer)
{before}
try:
    print(fetch(info, data_dir=place, progress=Progress()))
except StudyhallError as error:
    sys.exit(f"{{error.exit_code}}: {{error}}")
"""


def _start(
    info: DatasetInfo | str, place: Path | None, before: str = "", on_advance: str = "pass"
) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(before=before, on_advance=on_advance)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    child.stdin.write(pickle.dumps((info, place)))
    child.stdin.close()
    child.stdin = None
    return child


def _contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.long
def test_two_processes_fetch_the_real_data_once_between_them(cache: Path) -> None:
    children = [_start("cifar10", None) for _ in range(2)]
    printed = [child.communicate()[0].decode().splitlines() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert [lines[-1] for lines in printed] == [str(cache / "cifar10")] * 2
    assert [line for lines in printed for line in lines].count("Decoding cifar10") == 1
    assert verify("cifar10").intact
    assert _contents(cache) == ["cifar10", "cifar10.lock"]


def test_a_process_waits_while_another_fetches(tiny: Any, cache: Path, tmp_path: Path) -> None:
    archive = tiny.authors_archive(tmp_path / "archive.tar.gz")
    with exclusive(cache / "tiny", SILENT):
        child = _start(tiny.info, archive)
        assert child.stdout is not None
        told = child.stdout.readline().decode()
        assert told == "tiny: another process is fetching it; waiting for it to finish\n"
        assert _contents(cache) == ["tiny.lock"]
    printed, _ = child.communicate()
    assert printed.decode().splitlines() == ["Decoding tiny", str(cache / "tiny")]


@pytest.mark.timeout(60)
def test_a_ready_data_set_is_used_without_the_lock(tiny: Any, cache: Path, tmp_path: Path) -> None:
    folder = fetch(tiny.info, data_dir=tiny.authors_archive(tmp_path / "archive.tar.gz"))
    with exclusive(cache / "tiny", SILENT):
        assert fetch(tiny.info) == folder


def test_unfinished_files_of_a_killed_process_are_deleted(
    tiny: Any, cache: Path, tmp_path: Path
) -> None:
    archive = tiny.authors_archive(tmp_path / "archive.tar.gz")
    child = _start(tiny.info, archive, on_advance="os.kill(os.getpid(), signal.SIGKILL)")
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert [name for name in _contents(cache) if name.endswith(".partial")]
    fetch(tiny.info, data_dir=archive)
    assert _contents(cache) == ["tiny", "tiny.lock"]


@pytest.mark.parametrize("form", ["archive", "download"])
def test_a_file_too_large_for_the_disk_is_reported_and_nothing_remains(
    tiny: Any, cache: Path, tmp_path: Path, serving: Any, form: str
) -> None:
    archive = tiny.authors_archive(tmp_path / "archive.tar.gz")

    def answer(request: Any) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(archive.read_bytes())

    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    with serving(answer) as address:
        info = tiny.served_from(address, archive)
        child = _start(info, archive if form == "archive" else None, before=limit)
        _, complaint = child.communicate()
    assert complaint.decode() == (
        f"2: {cache}: the cache folder must be writable and have room, got 'File too large'; "
        "correct that or name another folder in STUDYHALL_CACHE\n"
    )
    assert _contents(cache) == ["tiny.lock"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's device that is full")
def test_a_full_disk_is_reported_and_nothing_remains(tiny: Any, cache: Path) -> None:
    pieces = [Piece("train", "images", 0, np.zeros((100, 32, 32, 3), np.uint8))]

    def fill() -> None:
        with exclusive(cache / "tiny", SILENT), staging(cache / "tiny") as temporary:
            (temporary / "train_images.npy").symlink_to("/dev/full")
            write_arrays(temporary, tiny.info, pieces)

    with pytest.raises(UsageError, match=f"^{cache}: the cache .* got 'No space left on device'; "):
        fill()
    assert _contents(cache) == ["tiny.lock"]


def test_a_batch_of_which_only_a_part_was_written_counts_as_missing(
    tiny: Any, tmp_path: Path
) -> None:
    pieces = [
        Piece(split, kind, 0, np.zeros(tiny.info.shape(split, kind), np.uint8))
        for split in ("train", "test")
        for kind in ("images", "labels")
    ]
    assert write_arrays(tmp_path, tiny.info, pieces) == []
    pieces[0] = replace(pieces[0], values=pieces[0].values[:30])
    assert write_arrays(tmp_path, tiny.info, pieces) == [
        f"the images of data_batch_{number}" for number in (2, 3, 4, 5)
    ]


def test_too_little_room_is_reported_before_anything_is_fetched(
    tiny: Any, cache: Path, tmp_path: Path, steps: Any
) -> None:
    last = replace(tiny.info.batches[-1], stop=10**15)
    huge = replace(tiny.info, batches=(*tiny.info.batches[:-1], last))
    with pytest.raises(UsageError) as caught:
        fetch(huge, progress=steps)
    assert str(caught.value).startswith(
        f"{cache}: its disk must have 3,072,000,000,000 MB free, got "
    )
    assert str(caught.value).endswith("free some space or name another folder in STUDYHALL_CACHE")
    assert steps.steps == []
    assert _contents(cache) == ["tiny.lock"]


def test_a_cache_folder_that_cannot_be_made_is_reported(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    place = tmp_path / "file" / "cache"
    monkeypatch.setenv("STUDYHALL_CACHE", str(place))
    with pytest.raises(UsageError) as caught:
        fetch(tiny.info, data_dir=tiny.authors_archive(tmp_path / "archive.tar.gz"))
    assert str(caught.value) == (
        f"{place}: the cache folder must be writable and have room, got 'Not a directory'; "
        "correct that or name another folder in STUDYHALL_CACHE"
    )
    assert caught.value.exit_code == 2


def test_the_cache_lies_in_the_users_cache_folder_unless_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDYHALL_CACHE", "~/there")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "there"
    monkeypatch.delenv("STUDYHALL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "xdg" / "studyhall"
    assert cache_folder().name == "studyhall"
    assert os.path.isabs(cache_folder())
