"""Data sets by name: unknown names, and how the training and the test part are opened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.data.datasets import (
    fetch,
    open_dataset,
    open_test,
)
from studyhall.search.data.verification import verify


def test_unknown_names_are_refused_with_the_nearest_known() -> None:
    with pytest.raises(UsageError) as caught:
        fetch("cifar-10")
    assert str(caught.value) == (
        "data.name: must be one of cifar10, mnist, two_blobs, two_moons, got 'cifar-10'; "
        "the nearest is 'cifar10'; for your own data set data.path"
    )


def test_the_training_part_is_mapped_and_cannot_be_written(tiny: Any, folder: Path) -> None:
    dataset = open_dataset(tiny.info, folder)
    assert isinstance(dataset.train_examples, np.memmap)
    np.testing.assert_array_equal(dataset.train_examples, tiny.images[:5].reshape(100, 32, 32, 3))
    np.testing.assert_array_equal(dataset.train_labels, tiny.labels[:5].ravel())
    assert dataset.train_labels.dtype == np.int64
    assert dataset.info.example_shape == (32, 32, 3)
    assert len(dataset.info.classes) == 10
    assert not dataset.train_examples.flags.writeable
    assert not dataset.train_labels.flags.writeable


def test_opening_the_training_part_needs_nothing_of_the_test_part(tiny: Any, folder: Path) -> None:
    for path in folder.glob("test_*"):
        path.unlink()
    assert len(open_dataset(tiny.info, folder).train_examples) == 100


@pytest.mark.parametrize(("count", "expected"), [(None, 20), (20, 20), (3, 3)])
def test_the_test_part_is_read_from_the_first_image_on(
    tiny: Any, folder: Path, count: int | None, expected: int
) -> None:
    images, labels, _ = open_test(tiny.info, folder, count)
    np.testing.assert_array_equal(images, tiny.images[5, :expected])
    np.testing.assert_array_equal(labels, tiny.labels[5, :expected])
    assert not images.flags.writeable
    assert not labels.flags.writeable


@pytest.mark.parametrize("count", [0, -1, 21])
def test_more_test_images_than_there_are_cannot_be_asked_for(
    tiny: Any, folder: Path, count: int
) -> None:
    with pytest.raises(UsageError, match=f"^data.test: must be 1 to 20 for tiny, got {count}; "):
        open_test(tiny.info, folder, count)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _text(path: Path) -> None:
    path.write_text("not an array")


def _floats(path: Path) -> None:
    np.save(path, np.zeros(3))


def _signed(path: Path) -> None:
    np.save(path, np.load(path).view(np.int8))


def _shorter(path: Path) -> None:
    np.save(path, np.load(path)[:-1])


@pytest.mark.parametrize("damage", [Path.unlink, _cut, _text, _floats, _signed, _shorter])
@pytest.mark.parametrize("name", ["train_images.npy", "train_labels.npy"])
def test_damaged_arrays_are_not_opened(
    tiny: Any, folder: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(folder / name)
    with pytest.raises(UsageError) as caught:
        open_dataset(tiny.info, folder)
    assert str(caught.value).startswith(f"{folder / name}: must ")
    assert str(caught.value).endswith("; get it again with `studyhall data fetch`")
    assert str(folder / name) in verify(tiny.info).problems[0]


def test_importing_loads_nothing_that_only_fetching_needs() -> None:
    heavy = "{'requests', 'PIL', 'filelock', 'platformdirs', 'pydantic'}"
    code = f"import sys, studyhall.search.data.datasets; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
