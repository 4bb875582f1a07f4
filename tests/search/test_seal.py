"""The test split is sealed from trials: a real worker tries the ways that Python has."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import search.execution
from search.datasets import fetch, open_test
from search.execution import Job, work
from search.seal import SealedError, sealed_test_split
from search.storage import open_storage
from search.studies import open_study
from search.tracking import FINGERPRINT
from search.workers import Order, run_workers
from tests.search.test_execution import SPEC

WAYS: dict[str, Callable[[Path, Path], Any]] = {
    "the loader": lambda folder, own: open_test("two_moons", folder),
    "a memory map": lambda folder, own: np.load(folder / "test_images.npy", mmap_mode="r"),
    "open": lambda folder, own: (folder / "test_labels.npy").read_bytes(),
    "bytes": lambda folder, own: os.open(os.fsencode(folder / "test_labels.npy"), os.O_RDONLY),
    "a path from elsewhere": lambda folder, own: (own / ".." / folder / "test_images.npy").open(),
    "a descriptor": lambda folder, own: os.open(folder / "test_images.npy", os.O_RDONLY),
    "mmap": lambda folder, own: mmap.mmap(os.open(folder / "test_images.npy", os.O_RDWR), 0),
    "a copy": lambda folder, own: shutil.copyfile(folder / "test_images.npy", own / "copy"),
    "a second name": lambda folder, own: os.link(folder / "test_images.npy", own / "link"),
    "a link": lambda folder, own: os.symlink(folder / "test_images.npy", own / "symlink"),
    "a new name": lambda folder, own: os.rename(folder / "test_images.npy", own / "moved"),
    "a program": lambda folder, own: subprocess.run(["cat", folder / "test_images.npy"]),
    "a shell": lambda folder, own: os.system(f"cp {folder}/test_images.npy {own}/copied"),
    "checksums": lambda folder, own: np.load(folder / "test_checks.npy"),
}


def attempts(folder: Path, own: Path) -> dict[str, str]:
    """What each way led to."""
    found = {}
    for name, way in WAYS.items():
        try:
            way(folder, own)
            found[name] = "read"
        except SealedError:
            found[name] = "sealed"
    return found


def pry(job: Job, own: str) -> dict[str, str] | None:
    """Run a trial that, before it trains, tries to read the test split."""
    found: dict[str, str] = {}
    train = search.execution.run_trial

    def prying(*arguments: Any) -> Any:
        found.update(attempts(job.data_folder, Path(own)))
        return train(*arguments)

    search.execution.run_trial = prying
    try:
        assert work(job) is None
    finally:
        search.execution.run_trial = train
    return found or None


@pytest.fixture
def job(tmp_path) -> Job:
    folder = fetch(SPEC.data_settings)
    open_study(open_storage(tmp_path / "journal"), SPEC, "f")
    return Job(SPEC, tmp_path / "journal", tmp_path / "spool", folder, {FINGERPRINT: "f"}, 5)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_has_no_way_to_the_test_split(job, tmp_path, workers):
    found: list[dict[str, str]] = []

    def order() -> Order:
        return Order.STOP if len(found) >= 2 else Order.GO_ON

    for result in run_workers(pry, (job, str(tmp_path)), workers, 1, order):
        assert isinstance(result, dict)
        found.append(result)
    assert found[:2] == [dict.fromkeys(WAYS, "sealed")] * 2
    assert open_test("two_moons", job.data_folder)[0].shape[1] == 2  # here no trial is at work


def test_the_users_own_source_is_sealed_too(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "one.png").write_bytes(b"x")
    with sealed_test_split(str(pictures)):
        with pytest.raises(SealedError):
            (pictures / "one.png").read_bytes()
        with sealed_test_split(), pytest.raises(SealedError):
            (pictures / "one.png").read_bytes()
    assert (pictures / "one.png").read_bytes() == b"x"


def test_what_launches_and_trains_does_not_import_what_evaluates():
    asked = "import sys, search.launcher, search.finals, search.execution; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "search.runner" in done.stdout.split()
    assert "search.evaluation" not in done.stdout.split()


def test_the_training_split_and_other_files_are_open_to_a_trial(job, tmp_path):
    with sealed_test_split():
        assert len(np.load(job.data_folder / "train_images.npy", mmap_mode="r"))
        (tmp_path / "test_of_mine.npy").write_bytes(b"x")
        assert (tmp_path / "test_of_mine.npy").read_bytes() == b"x"
