"""Pipes, devices and huge files in the place of a user's files are refused at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from studyhall import UsageError
from studyhall.search.common.addresses import address_in, resolved
from studyhall.search.data import own_arrays
from studyhall.search.data.images import MOST_BYTES, read_image
from studyhall.search.data.own_arrays import ArrayFile
from studyhall.search.data.own_folder import ImageFolder
from studyhall.search.reports.output_file import output_problems


def one_image(path: Path) -> None:
    read_image(path, (8, 8, 3))


def folder_of_images(path: Path) -> None:
    (path.parent / "images" / "cats").mkdir(parents=True)
    (path.parent / "images" / "cats" / "one.png").symlink_to(path)
    ImageFolder(path.parent / "images").examine(None)


@pytest.mark.parametrize("read", [one_image, folder_of_images, resolved, address_in])
@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_only_plain_files_are_opened(
    tmp_path: Path, read: Callable[[Path], object], kind: str
) -> None:
    path = tmp_path / "named.png"
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=f"must be a plain file, got {kind}; "):
        read(path)


@pytest.mark.parametrize("read", [one_image, folder_of_images])
def test_sizes_are_looked_at_before_the_bytes(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(
        UsageError, match="must have at most 1,073,741,824 bytes, got 1,073,741,825"
    ):
        read(path)


def test_arrays_larger_than_the_memory_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "zeros.npz", images=np.zeros((10, 9, 9), np.uint8))
    monkeypatch.setattr(own_arrays, "machine_memory", lambda: 800)
    with pytest.raises(UsageError, match="this machine's memory of 800 bytes, got arrays of 938;"):
        ArrayFile(tmp_path / "zeros.npz").examine(None)


def test_no_output_takes_the_place_of_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (problem,) = output_problems("--output", tmp_path / "pipe", replace=True)
    assert problem == f"--output: {tmp_path / 'pipe'} is not a plain file; name another file"
