"""Changed bytes are named, damaged data fetched again, and the fingerprint covers all data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.datasets import fetch, open_dataset, split_dataset
from studyhall.search.data.faults import Example
from studyhall.search.data.integrity import fingerprint
from studyhall.search.data.splits import Split
from studyhall.search.data.verification import verify

SETTINGS = DataSettings(name="cifar10", train=45_000, validation=5_000)
REAL = "4d04c1ef8e9ffdd650417a2d953f037aedf80cf2d71e7ee4bdb6fb36d41657b2"


def _flip(path: Path, offset: int, header: int = 128) -> None:
    """Change one bit of the byte at an offset behind a .npy header."""
    content = bytearray(path.read_bytes())
    content[header + offset] ^= 1
    path.write_bytes(content)


def _text(path: Path) -> None:
    path.write_text("not an array")


def _shorter(path: Path) -> None:
    np.save(path, np.load(path)[:-1])


@pytest.mark.parametrize(
    ("name", "offset", "where"),
    [
        ("train_images.npy", 0, "in data_batch_1 at index 0"),
        ("train_images.npy", 37 * 3072 + 5, "in data_batch_2 at index 37"),
        ("train_images.npy", 100 * 3072 - 1, "in data_batch_5 at index 99"),
        ("train_labels.npy", 61, "in data_batch_4 at index 61"),
        ("test_images.npy", 3072, "in test_batch at index 1"),
        ("test_labels.npy", 19, "in test_batch at index 19"),
    ],
)
def test_verify_names_the_image_or_label_that_was_changed(
    tiny: Any, folder: Path, name: str, offset: int, where: str
) -> None:
    assert verify(tiny.info).intact
    _flip(folder / name, offset)
    kind = "images" if "images" in name else "labels"
    split, index = name.partition("_")[0], int(where.rpartition(" ")[2])
    class_name = tiny.info.classes[np.load(folder / f"{split}_labels.npy")[index]]
    told = f"{folder / name}: {kind} must be those of tiny, got others {where} ({class_name})"
    found = verify(tiny.info)
    assert found.problems == (told,)
    (fault,) = found.faults
    assert (fault.kind, fault.example) == (kind[:-1], Example(split, index, class_name))


def test_verify_does_not_trust_the_digests_in_about_json(tiny: Any, folder: Path) -> None:
    _flip(folder / "train_labels.npy", 25)
    labels = np.load(folder / "train_labels.npy")[20:40]
    manifest = (folder / "about.json").read_text()
    known = tiny.info.batches[1].labels
    assert known in manifest
    changed = hashlib.sha256(labels.tobytes()).hexdigest()
    (folder / "about.json").write_text(manifest.replace(known, changed))
    assert "data_batch_2 at index 25 (" in verify(tiny.info).problems[0]


def test_verify_names_every_batch_and_counts_many_images(tiny: Any, folder: Path) -> None:
    for image in (0, 3, 4, 5, 6, 8, 9, 40):
        _flip(folder / "train_images.npy", image * 3072)
    first, second = verify(tiny.info).problems
    assert [word for word in first.split() if word.isdecimal()] == ["0", "3", "4", "5", "6", "2"]
    assert first.endswith(" and 2 more")
    assert "in data_batch_3 at index 40 (" in second


@pytest.mark.parametrize("damage", [Path.unlink, _text, _shorter])
def test_without_the_images_checks_verify_names_the_batch(
    tiny: Any, folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder / "train_checks.npy")
    _flip(folder / "train_images.npy", 45 * 3072)
    (problem,) = verify(tiny.info).problems
    assert problem.endswith("got others in data_batch_3 at index 40 to 59")


def _of_another_version(path: Path) -> None:
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))


@pytest.mark.parametrize("damage", [Path.unlink, _text, _of_another_version])
def test_a_folder_of_arrays_without_about_json_is_not_intact(
    tiny: Any, folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder / "about.json")
    told = f"{folder / 'about.json'}: must be there and whole"
    assert verify(tiny.info).problems == (told,)


def test_verify_of_data_that_were_never_fetched_names_the_command(tiny: Any, cache: Path) -> None:
    with pytest.raises(UsageError, match=r"run `studyhall data fetch tiny`$"):
        verify(tiny.info)


def test_a_damaged_cache_is_named_and_fetched_again(
    tiny: Any, folder: Path, tmp_path: Path, steps: Any
) -> None:
    mapped = open_dataset(tiny.info, folder).train_examples
    _flip(folder / "train_images.npy", 37 * 3072)
    damaged = np.array(mapped)
    fetch(tiny.info, data_dir=tmp_path / "archive.tar.gz", progress=steps)
    assert verify(tiny.info).intact
    (note,) = steps.notes
    assert "in data_batch_2 at index 37 (" in note
    assert note.endswith("; fetching it again")
    np.testing.assert_array_equal(mapped, damaged)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["tiny", "tiny.lock"]


def _indices(train: list[int], validation: list[int]) -> Split:
    return Split(np.array(train, np.int64), np.array(validation, np.int64))


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("train_images.npy", 0),
        ("train_images.npy", 99 * 3072 + 3071),
        ("train_labels.npy", 50),
        ("test_images.npy", 7),
        ("test_labels.npy", 19),
    ],
)
def test_the_fingerprint_covers_every_image_and_label(folder: Path, name: str, offset: int) -> None:
    split = _indices([1, 2], [3])
    before = fingerprint(folder, split)
    assert fingerprint(folder, split) == before
    assert len(before) == 64
    _flip(folder / name, offset)
    assert fingerprint(folder, split) != before
    _flip(folder / name, offset)
    assert fingerprint(folder, split) == before


def test_the_fingerprint_covers_every_index_and_its_side(folder: Path) -> None:
    splits = [
        ([1, 2], [3]),
        ([1, 4], [3]),
        ([1, 2], [4]),
        ([1], [2, 3]),
        ([3], [1, 2]),
        ([2, 1], [3]),
    ]
    assert len({fingerprint(folder, _indices(*sides)) for sides in splits}) == len(splits)


def test_the_fingerprint_does_not_depend_on_where_the_data_came_from(
    tiny: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDYHALL_CACHE", str(tmp_path / "another"))
    renamed = replace(tiny.info, name="another name")
    package = tiny.tar(tmp_path / "package.tgz", tiny.package_files)
    split = _indices([1, 2], [3])
    assert fingerprint(fetch(renamed, data_dir=package), split) == fingerprint(folder, split)


def test_the_real_default_split_has_the_fingerprint_it_always_had(cifar10_cache: Path) -> None:
    split = split_dataset(open_dataset("cifar10", cifar10_cache), SETTINGS)
    assert fingerprint(cifar10_cache, split) == REAL
