"""`data verify` of the user's data: changed, removed and added files, and duplicates."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.dataset_manifest import mark_used
from studyhall.search.data.datasets import fetch
from studyhall.search.data.verification import verify
from tests.search.data.own_sets import array_file, arrays, image_folder, own

NEXT = "restore it, or take the data as they are now with `studyhall data fetch`"


@pytest.fixture
def pets(tmp_path: Path, cache: Path) -> DataSettings:
    settings = own(image_folder(tmp_path / "pets", ("train", "test")))
    fetch(settings)
    return settings


def place(settings: DataSettings) -> Path:
    return Path(settings.path or "")


def test_data_that_were_never_decoded_cannot_be_verified(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(UsageError) as caught:
        verify(own(image_folder(tmp_path / "pets")))
    assert str(caught.value) == (
        f"pets: must have been decoded to be verified, got nothing of it in {cache}; run "
        "`studyhall data fetch` with the same study file"
    )


def test_removed_and_added_files_are_named(pets: DataSettings) -> None:
    folder = place(pets)
    (folder / "test" / "dog" / "1.png").unlink()
    shutil.copyfile(folder / "train" / "cat" / "0.png", folder / "train" / "cat" / "9.png")
    with (folder / "train" / "cat" / "9.png").open("ab") as file:
        file.write(b"more")
    assert verify(pets).problems == (
        f"{folder}/test/dog/1.png: test index 6 (dog, test/dog/1.png), was removed since it "
        f"was decoded; {NEXT}",
        f"{folder}/train/cat/9.png: was added after the data were decoded; {NEXT}",
    )


def test_a_copied_and_a_moved_file_are_named_as_added_and_removed(pets: DataSettings) -> None:
    folder = place(pets)
    shutil.copyfile(folder / "train" / "cat" / "0.png", folder / "test" / "cat" / "9.png")
    (folder / "train" / "dog" / "1.png").rename(folder / "train" / "eel" / "9.png")
    found = verify(pets)
    assert found.problems == (
        f"{folder}/test/cat/9.png: was added after the data were decoded; {NEXT}",
        f"{folder}/train/dog/1.png: train index 6 (dog, train/dog/1.png), was removed since it "
        f"was decoded; {NEXT}",
        f"{folder}/train/eel/9.png: was added after the data were decoded; {NEXT}",
    )
    assert [fault.example and fault.example.index for fault in found.faults] == [None, 6, None]
    fetch(pets)
    mark_used(fetch(pets))
    (problem,) = verify(pets).problems
    assert "train 0 (cat, train/cat/0.png) is test 5 (cat, test/cat/9.png)" in problem


def test_changes_of_a_file_of_arrays_are_named_by_array_and_index(
    tmp_path: Path, cache: Path
) -> None:
    content = arrays(train=15)
    path = array_file(tmp_path / "pets.npz", content)
    fetch(own(path))
    content["train_images"][3, 0, 0, 0] ^= 1
    content["train_labels"][4] = 0
    for kind in ("images", "labels"):
        content[f"train_{kind}"] = np.concatenate(
            [content[f"train_{kind}"], [content[f"train_{kind}"][0]]]
        )
        content[f"test_{kind}"] = content[f"test_{kind}"][:-1]
    array_file(path, content)
    assert verify(own(path)).problems == (
        f"{path}: train index 3 (cat, train_images[3]), has another image than was decoded; {NEXT}",
        f"{path}: train index 4 (dog, train_images[4]), is of class cat now; {NEXT}",
        f"{path}: test index 5 (eel, test_images[5]), was removed since it was decoded; {NEXT}",
        f"{path}: train_images[15] was added after the data were decoded; {NEXT}",
    )


def test_a_file_of_arrays_that_was_only_written_again_is_named(tmp_path: Path, cache: Path) -> None:
    path = array_file(tmp_path / "pets.npz")
    fetch(own(path))
    np.savez_compressed(path, **arrays())  # type: ignore[arg-type]
    assert verify(own(path)).problems == (
        f"{path}: has changed since it was decoded, but has the same examples; {NEXT}",
    )


def test_after_a_fetch_the_present_data_are_the_expected_ones(pets: DataSettings) -> None:
    (place(pets) / "test" / "dog" / "1.png").unlink()
    assert not verify(pets).intact
    fetch(pets)
    assert verify(pets).intact


def test_the_version_that_was_used_last_is_compared_with(pets: DataSettings) -> None:
    path = place(pets) / "test" / "dog" / "1.png"
    content = path.read_bytes()
    path.unlink()
    mark_used(fetch(pets))
    path.write_bytes(content)
    mark_used(fetch(pets))
    path.write_bytes(content + b"more")
    (problem,) = verify(pets).problems
    assert problem == (
        f"{path}: test index 6 (dog, test/dog/1.png), has changed since it was decoded; {NEXT}"
    )


def test_an_unused_version_is_not_compared_with(pets: DataSettings) -> None:
    mark_used(fetch(pets))
    (place(pets) / "test" / "dog" / "1.png").unlink()
    folder = fetch(pets)
    assert len(verify(pets).problems) == 1
    for path in folder.glob("train_*"):
        path.write_bytes(b"damaged")
    fetch(pets)
    assert len(verify(pets).problems) == 1
    mark_used(folder)
    assert verify(pets).intact


def test_a_copy_of_the_data_elsewhere_is_verified_in_their_place(
    pets: DataSettings, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(place(pets), tmp_path / "copy"))
    assert verify(pets, copy).intact
    (copy / "test" / "dog" / "1.png").unlink()
    (problem,) = verify(pets, copy).problems
    assert problem.startswith(f"{copy}/test/dog/1.png: ")
    assert verify(pets).intact


def test_an_example_in_test_and_another_part_is_a_problem(pets: DataSettings) -> None:
    folder = place(pets)
    shutil.copyfile(folder / "train" / "cat" / "3.png", folder / "test" / "dog" / "8.png")
    fetch(pets)
    found = verify(DataSettings(name="pets", path=pets.path, train=12, validation=3))
    part = found.duplicates[0].examples[0].part
    assert found.problems == (
        f"pets: the test part must have no example of another part, got 1: {part} 3 (cat, "
        "train/cat/3.png) is test 10 (dog, test/dog/8.png); delete each from one of the two, and "
        "launch the study with --fresh",
    )
    assert found.counts == {
        "train and test": int(part == "train"),
        "validation and test": int(part == "validation"),
        "train and validation": 0,
    }


def test_an_example_in_train_and_validation_is_only_counted(tmp_path: Path, cache: Path) -> None:
    content = arrays(train=30)
    content["train_images"] = np.tile(content["train_images"][:3], (10, 1, 1, 1))
    settings = own(array_file(tmp_path / "pets.npz", content))
    folder = fetch(settings)
    found = verify(settings)
    assert found.intact
    assert found.folder == folder
    assert found.counts == {
        "train and test": 0,
        "validation and test": 0,
        "train and validation": 3,
    }


def test_points_are_compared_as_images_are(tmp_path: Path, cache: Path) -> None:
    points = np.random.default_rng(0).normal(size=(12, 3))
    content = {
        "train_images": points,
        "train_labels": np.arange(12) % 2,
        "test_images": points[[4]].repeat(2, axis=0),
        "test_labels": np.arange(2),
    }
    settings = own(array_file(tmp_path / "pets.npz", content))
    fetch(settings)
    (problem,) = verify(settings).problems
    assert "train_images[4]) is test 0 (0, test_images[0]) is test 1 (1, test_images[1])" in problem


def test_duplicates_in_published_data_are_only_counted(mnist_cache: Path) -> None:
    found = verify(DataSettings(name="mnist", train=50_000, validation=10_000))
    assert found.intact
    assert found.counts is not None
    assert set(found.counts) == {"train and test", "validation and test", "train and validation"}
    assert sum(found.counts.values()) >= len(found.duplicates)
