"""The user's data in the cache: decoded once, recognized by content, fingerprinted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.datasets import (
    describe,
    fetch,
    open_dataset,
    open_test,
    shown_rows,
    split_dataset,
)
from studyhall.search.data.integrity import fingerprint
from studyhall.search.data.recorded_data import fetch_recorded, version_of
from studyhall.search.data.splits import fill_counts
from studyhall.search.data.verification import verify
from studyhall.search.training.building import TrialSeed
from studyhall.search.training.saved_training import identify
from tests.search.data.own_sets import (
    CLASSES,
    array_file,
    image_folder,
    own,
    random_pixels,
    write_image,
)
from tests.search.training.shades import settings


def fingerprint_of(settings: DataSettings, **where: Any) -> str:
    settings = fill_counts(settings, describe(settings, **where))
    folder = fetch(settings, **where)
    return fingerprint(folder, split_dataset(open_dataset(settings, folder), settings))


@pytest.fixture
def pets(tmp_path: Path, cache: Path) -> Path:
    return image_folder(tmp_path / "pets")


def test_they_are_decoded_once(pets: Path, steps: Any) -> None:
    folder = fetch(own(pets), progress=steps)
    assert steps.steps == [("Decoding pets", 15 * 6 * 8 * 3)]
    assert steps.bytes == 15 * 6 * 8 * 3
    assert fetch(own(pets), progress=steps) == folder
    assert len(steps.steps) == 1


def test_training_needs_nothing_of_the_test_part_or_of_the_source(pets: Path) -> None:
    settings = own(pets)
    folder = fetch(settings)
    for path in folder.glob("test_*"):
        path.unlink()
    shutil.rmtree(pets)
    assert open_dataset(settings, folder).train_examples.shape == (12, 6, 8, 3)


def test_the_place_and_time_of_files_do_not_matter(pets: Path, tmp_path: Path) -> None:
    before, folder = fingerprint_of(own(pets)), fetch(own(pets))
    moved = pets.rename(tmp_path / "moved")
    for path in moved.rglob("*.png"):
        os.utime(path, (0, 0))
    assert fetch(own(moved)) == fetch(own(pets), data_dir=moved) == folder
    assert fingerprint_of(own(moved)) == before
    assert fingerprint_of(own(pets), data_dir=moved) == before


def _other_pixels(place: Path) -> None:
    path = place / "dog" / "2.png"
    state = path.stat()
    write_image(path, random_pixels(np.random.default_rng(9), 6, 8, 3))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def _other_class(place: Path) -> None:
    (place / "dog" / "2.png").rename(place / "cat" / "5.png")


def _other_name_of_a_class(place: Path) -> None:
    (place / "dog").rename(place / "dogs")


@pytest.mark.parametrize("change", [_other_pixels, _other_class, _other_name_of_a_class])
def test_any_changed_file_gives_another_fingerprint(pets: Path, change: Any) -> None:
    before = fingerprint_of(own(pets))
    change(pets)
    assert fingerprint_of(own(pets)) != before


def test_settings_that_change_the_decoded_data_give_another_fingerprint(pets: Path) -> None:
    others = [{}, {"image_size": 6}, {"image_size": [6, 4]}, {"test_share": 0.4}, {"seed": 1}]
    assert len({fingerprint_of(own(pets, **other)) for other in others}) == len(others)


def test_a_folder_and_a_file_of_the_same_examples_are_the_same_data(
    tmp_path: Path, cache: Path
) -> None:
    place = image_folder(tmp_path / "pets", ("train", "test"))
    folder = fetch(own(place))
    kinds = ("train_images", "train_labels", "test_images", "test_labels")
    content = {kind: np.load(folder / f"{kind}.npy") for kind in kinds}
    path = array_file(tmp_path / "pets.npz", content | {"classes": np.array(CLASSES)})
    assert fingerprint_of(own(path)) == fingerprint_of(own(place))


def test_data_damaged_in_the_cache_are_decoded_again(pets: Path, steps: Any) -> None:
    folder = fetch(own(pets))
    labels = folder / "train_labels.npy"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\1")
    assert "got others in train at index 11 (dog, eel/" in verify(own(pets)).problems[0]
    assert fetch(own(pets), progress=steps) == folder
    assert steps.notes[0].endswith("; decoding it again")
    assert verify(own(pets)).intact


def test_counts_that_are_left_out_are_a_fifth_and_the_rest(tmp_path: Path, cache: Path) -> None:
    settings = own(image_folder(tmp_path / "pets", each=25))
    full = fill_counts(settings, describe(settings))
    assert (full.train, full.validation) == (48, 12)
    few = own(image_folder(tmp_path / "few", each=3))
    full = fill_counts(few, describe(few))
    assert (full.train, full.validation) == (3, 3)
    half = fill_counts(own(tmp_path / "pets", train=20), describe(settings))
    assert (half.train, half.validation) == (20, 12)


@pytest.mark.parametrize("seed", range(5))
def test_each_part_has_its_share_of_each_class(tmp_path: Path, cache: Path, seed: int) -> None:
    place = image_folder(tmp_path / "pets", each=3)
    for number in range(3, 60):
        pixels = random_pixels(np.random.default_rng(number), 6, 8, 3)
        write_image(place / "dog" / f"{number}.png", pixels)
    settings = own(place, seed=seed)
    settings = fill_counts(settings, describe(settings))
    dataset = open_dataset(settings, fetch(settings))
    split = split_dataset(dataset, settings)
    validation = np.bincount(dataset.train_labels[split.validation])
    assert np.bincount(dataset.train_labels[split.train]).tolist() == [1, 48 - validation[1], 1]
    assert validation[[0, 2]].tolist() == [1, 1]


def test_a_few_examples_are_of_every_class(tmp_path: Path, cache: Path) -> None:
    """Images are in the order of their classes, so the first ten would be of one class."""
    settings = own(image_folder(tmp_path / "pets", ("train", "test"), each=20))
    settings = fill_counts(settings, describe(settings))
    folder = fetch(settings)
    dataset = open_dataset(settings, folder)
    shown = shown_rows(dataset, split_dataset(dataset, settings).train, 10)
    assert np.bincount(dataset.train_labels[shown]).tolist() == [4, 3, 3]
    whole, all_labels, all_rows = open_test(settings, folder)
    assert all_rows.tolist() == list(range(60))
    images, labels, rows = open_test(settings, folder, 10)
    assert np.bincount(labels).tolist() == [4, 3, 3]
    np.testing.assert_array_equal(images, whole[rows])
    np.testing.assert_array_equal(labels, all_labels[rows])


def test_the_recorded_version_is_found_after_the_source_has_changed_or_gone(pets: Path) -> None:
    settings = fill_counts(own(pets), describe(own(pets)))
    before, folder = fingerprint_of(settings), fetch(settings)
    _other_pixels(pets)
    changed = fetch(settings)
    assert changed != folder
    assert version_of(settings, before) == folder
    assert version_of(settings, "0" * 64) is None
    assert fetch_recorded(settings, before) == changed
    shutil.rmtree(pets)
    assert fetch_recorded(settings, before) == folder
    with pytest.raises(UsageError, match=r"^data\.path: must name a folder"):
        fetch_recorded(settings, "0" * 64)


def test_a_training_goes_on_after_the_data_have_moved(tmp_path: Path) -> None:
    places = [str(tmp_path / "one"), str(tmp_path / "other")]
    identities = [
        identify(
            settings().model_copy(update={"data": own(Path(place), train=40, validation=20)}),
            TrialSeed(0, 1),
            "validation_accuracy",
            "0" * 64,
        )
        for place in places
    ]
    assert identities[0] == identities[1]


def test_sets_of_one_name_and_different_content_are_kept_apart(tmp_path: Path, cache: Path) -> None:
    one = own(image_folder(tmp_path / "one", seed=1))
    other = own(image_folder(tmp_path / "other", seed=2))
    assert fetch(one) != fetch(other)
    assert verify(one).intact
    assert verify(other).intact
