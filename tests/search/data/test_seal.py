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

import studyhall.search.workers.execution
from studyhall.search.common.options import Options
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.datasets import fetch, open_test
from studyhall.search.data.seal import SealedError, sealed_sources, sealed_test_split
from studyhall.search.runner.launcher import prepare
from studyhall.search.study.observer import Observer
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.tracking.study_runs import FINGERPRINT
from studyhall.search.workers.execution import Job, Workplace
from studyhall.search.workers.local_pool import run_workers
from studyhall.search.workers.pool import Action
from tests.search.data.own_sets import array_file, image_folder, own
from tests.search.workers.test_execution import SPEC

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
    train = studyhall.search.workers.execution.run_trial

    def prying(*arguments: Any) -> Any:
        found.update(attempts(job.data_folder, Path(own)))
        return train(*arguments)

    studyhall.search.workers.execution.run_trial = prying
    try:
        assert Workplace(job).run_next() is None
    finally:
        studyhall.search.workers.execution.run_trial = train
    return found or None


@pytest.fixture
def job(tmp_path) -> Job:
    folder = fetch(SPEC.data_settings)
    open_study(open_storage(tmp_path / "journal"), SPEC, "f")
    return Job(SPEC, tmp_path / "journal", tmp_path / "outbox", folder, {FINGERPRINT: "f"}, 5)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("working_folder")
def test_a_worker_has_no_way_to_the_test_split(job, tmp_path, workers):
    found: list[dict[str, str]] = []

    def next_action() -> Action:
        return Action.STOP if len(found) >= 2 else Action.CONTINUE

    for result in run_workers(pry, (job, str(tmp_path)), workers, 1, next_action):
        assert isinstance(result, dict)
        found.append(result)
    assert found[:2] == [dict.fromkeys(WAYS, "sealed")] * 2
    assert open_test("two_moons", job.data_folder)[0].shape[1] == 2  # here no trial is at work


OWN_WAYS: dict[str, Callable[[Path], Any]] = {
    "its path": lambda source: (source / "test/cat/1.png").read_bytes(),
    "a relative path": lambda source: Path("images/test/cat/1.png").read_bytes(),
    "the training part": lambda source: Path("images/train/cat/1.png").read_bytes(),
    "dots": lambda source: (source / ".." / source.name / "test/cat/1.png").read_bytes(),
    "a linked folder": lambda source: Path("linked/test/cat/1.png").read_bytes(),
    "a linked image": lambda source: Path("linked.png").read_bytes(),
    "bytes": lambda source: os.open(b"images/test/cat/1.png", os.O_RDONLY),
    "a working folder": lambda source: in_folder(
        source, lambda: Path("test/cat/1.png").read_bytes()
    ),
    "a second name": lambda source: os.link("images/test/cat/1.png", "name.png"),
    "a new name": lambda source: os.rename("images/test", "name"),
    "a program": lambda source: subprocess.run(["cat", "images/test/cat/1.png"]),
    "a program elsewhere": lambda source: subprocess.run(["cat", "test/cat/1.png"], cwd="linked"),
    "a shell": lambda source: os.system("cd images && cat test/cat/1.png"),
}


def in_folder(folder: Path, call: Callable[[], Any]) -> None:
    earlier = Path.cwd()
    os.chdir(folder)
    try:
        call()
    finally:
        os.chdir(earlier)


@pytest.fixture
def images(tmp_path, monkeypatch) -> Path:
    """A folder of images, with links to it, in the working folder."""
    monkeypatch.chdir(tmp_path)
    source = image_folder(tmp_path / "images", ("train", "test"))
    Path("linked").symlink_to(source)
    Path("linked.png").symlink_to(source / "test/cat/1.png")
    return source


@pytest.mark.parametrize("way", OWN_WAYS)
@pytest.mark.parametrize("named", ["images", "linked"])
def test_the_users_own_source_is_sealed_too(images, way, named):
    with sealed_test_split(sealed_sources(own(Path(named)), ())):
        with pytest.raises(SealedError, match="the test split is sealed"):
            OWN_WAYS[way](images)
        with sealed_test_split(), pytest.raises(SealedError):
            OWN_WAYS[way](images)
    assert (images / "test/cat/1.png").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="nothing tells the open folders")
def test_a_folder_that_is_open_is_no_way_to_the_users_own_source(images):
    for folder, name in (".", "images/test/cat/1.png"), ("images/test/cat", "1.png"):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with sealed_test_split(sealed_sources(own(images), ())):
                with pytest.raises(SealedError):
                    os.open(name, os.O_RDONLY, dir_fd=descriptor)
                with pytest.raises(SealedError):
                    os.link(name, "name.png", src_dir_fd=descriptor)
        finally:
            os.close(descriptor)


@pytest.mark.parametrize("named", ["--data-dir", "STUDYHALL_DATA"])
def test_data_that_are_elsewhere_are_sealed_there(tmp_path, cache, monkeypatch, named):
    file, folder = array_file(tmp_path / "cells.npz"), tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(b"x")
    (folder / "note").write_bytes(b"x")
    for settings, place, sealed in (
        (own(tmp_path / "gone"), file, file),
        (DataSettings(name="cifar10", train=1, validation=1), tmp_path, folder / "test_batch"),
    ):
        if named == "STUDYHALL_DATA":
            monkeypatch.setenv(named, str(place))
        sources = sealed_sources(settings, (), place if named == "--data-dir" else None)
        with sealed_test_split(sources):
            with pytest.raises(SealedError):
                sealed.read_bytes()
            assert (folder / "note").read_bytes() == b"x"


def test_files_beside_the_images_and_needed_files_stay_open(tmp_path):
    place = image_folder(tmp_path)
    (place / "README").write_bytes(b"x")
    journal = place / "cat" / "journal"
    journal.write_bytes(b"x")
    with sealed_test_split(sealed_sources(own(place), (journal,))):
        assert (place / "README").read_bytes() == journal.read_bytes() == b"x"
        with pytest.raises(SealedError):
            (place / "dog" / "1.png").read_bytes()


def peep(job: Job, path: str) -> str | None:
    """Run a trial that, before it trains, tries to read a file."""
    found: list[str] = []
    train = studyhall.search.workers.execution.run_trial

    def peeping(*arguments: Any) -> Any:
        try:
            found.append(f"read {len(Path(path).read_bytes())} bytes")
        except SealedError:
            found.append("sealed")
        return train(*arguments)

    studyhall.search.workers.execution.run_trial = peeping
    try:
        assert Workplace(job).run_next() is None
    finally:
        studyhall.search.workers.execution.run_trial = train
    return found[0] if found else None


@pytest.mark.parametrize("moved", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_launch_has_its_workers_seal_the_users_own_source(tmp_path, cache, monkeypatch, moved):
    monkeypatch.chdir(tmp_path)
    settings = own(image_folder(tmp_path / "images"), image_size=4)
    if moved:
        os.rename("images", "elsewhere")
    place = "elsewhere" if moved else "images"
    spec = SPEC.model_copy(update={"data": settings.model_dump(exclude_defaults=True)})
    options = Options(jobs=2, preflight=False, data_dir=Path(place) if moved else None)
    job = prepare(spec, options, Observer()).tracked.job
    found: list[object] = []

    def next_action() -> Action:
        return Action.STOP if len(found) >= 2 else Action.CONTINUE

    for result in run_workers(peep, (job, f"{place}/cat/1.png"), 2, 1, next_action):
        found.append(result)
    assert found[:2] == ["sealed", "sealed"]


def test_launching_and_training_do_not_import_the_evaluation():
    asked = (
        "import sys\n"
        "from studyhall.search.runner import finals, launcher\n"
        "from studyhall.search.workers import execution\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "studyhall.search.runner.runner" in done.stdout.split()
    assert "studyhall.search.evaluation.evaluation" not in done.stdout.split()


def test_the_training_split_and_other_files_are_open_to_a_trial(job, tmp_path):
    with sealed_test_split():
        assert len(np.load(job.data_folder / "train_images.npy", mmap_mode="r"))
        (tmp_path / "test_of_mine.npy").write_bytes(b"x")
        assert (tmp_path / "test_of_mine.npy").read_bytes() == b"x"
