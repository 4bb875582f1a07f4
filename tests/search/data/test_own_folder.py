"""Folders of images by class: how they are read, and the message about each mistake."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from studyhall.search.common.errors import UsageError
from studyhall.search.data.dataset_manifest import read_manifest
from studyhall.search.data.datasets import fetch, open_dataset, open_test
from studyhall.search.data.images import read_image
from tests.search.data.own_sets import CLASSES, image_folder, own, random_pixels, write_image


def complaints(place: Path, **settings: object) -> list[str]:
    with pytest.raises(UsageError) as caught:
        fetch(own(place, **settings))
    return str(caught.value).splitlines()


def test_images_are_ordered_by_class_and_name_and_sealed_where_they_are(
    tmp_path: Path, cache: Path
) -> None:
    place = image_folder(tmp_path / "pets", ("train", "test"), each=3)
    (place / "train" / "cat" / ".hidden").write_text("no image")
    (place / "train" / "README.txt").write_text("about these images")
    settings = own(place)
    folder = fetch(settings)
    dataset, (test, labels, _) = open_dataset(settings, folder), open_test(settings, folder)
    assert dataset.info.classes == CLASSES
    assert dataset.info.example_shape == (6, 8, 3)
    assert dataset.train_labels.tolist() == labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for split, found in (("train", dataset.train_examples), ("test", test)):
        names = [place / split / name / f"{number}.png" for name in CLASSES for number in range(3)]
        np.testing.assert_array_equal(found, [np.asarray(Image.open(name)) for name in names])


def test_without_parts_a_test_part_is_drawn_class_by_class(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", each=10)
    sets = {}
    for key, settings in {
        "usual": own(place),
        "half": own(place, test_share=0.5),
        "nearly all": own(place, test_share=0.99),
        "another seed": own(place, seed=1),
    }.items():
        folder = fetch(settings)
        dataset, (test, labels, _) = open_dataset(settings, folder), open_test(settings, folder)
        sets[key] = {image.tobytes() for image in test}
        assert len(sets[key] | {image.tobytes() for image in dataset.train_examples}) == 30
        assert len(dataset.train_labels) + len(labels) == 30
        sealed = {"half": 5, "nearly all": 8}.get(key, 2)
        assert np.bincount(labels).tolist() == [sealed] * 3
    assert sets["usual"] != sets["another seed"]


@pytest.mark.parametrize(("shape", "channels"), [((6, 8), 1), ((6, 8, 3), 3), ((6, 8, 4), 3)])
def test_all_grey_images_have_one_channel_and_others_three(
    tmp_path: Path, cache: Path, shape: tuple[int, ...], channels: int
) -> None:
    settings = own(image_folder(tmp_path / "pets", shape=shape))
    assert open_dataset(settings, fetch(settings)).info.example_shape == (6, 8, channels)


def test_one_image_with_colours_makes_all_of_them_rgb(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", shape=(6, 8))
    write_image(place / "cat" / "0.png", random_pixels(np.random.default_rng(1), 6, 8, 3))
    settings = own(place)
    assert open_dataset(settings, fetch(settings)).info.example_shape == (6, 8, 3)


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_an_image_to_classify_becomes_what_it_would_be_among_the_data(
    tmp_path: Path, cache: Path, shape: tuple[int, ...]
) -> None:
    place = image_folder(tmp_path / "pets", ("train", "test"), shape=shape)
    path = write_image(place / "train" / "cat" / "0.png", np.full(shape, 250, np.uint8))
    settings = own(place, image_size=[4, 3])
    dataset = open_dataset(settings, fetch(settings))
    found = read_image(path, dataset.info.example_shape, light_on_dark=False)
    np.testing.assert_array_equal(found, dataset.train_examples[0])


@pytest.mark.parametrize(("size", "shape"), [(4, (4, 4, 3)), ([3, 5], (3, 5, 3))])
def test_image_size_crops_and_scales_every_image(
    tmp_path: Path, cache: Path, size: object, shape: tuple[int, ...]
) -> None:
    place = image_folder(tmp_path / "pets", ("train", "test"))
    pixels = random_pixels(np.random.default_rng(1), 20, 10, 3)
    write_image(place / "train" / "cat" / "0.png", pixels)
    settings = own(place, image_size=size)
    found = open_dataset(settings, fetch(settings)).train_examples
    assert found.shape[1:] == shape
    wanted = ImageOps.fit(Image.fromarray(pixels), (shape[1], shape[0]), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(found[0], np.asarray(wanted))


def test_images_of_other_sizes_are_refused_with_the_way_out(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", each=9)
    way_out = "image_size = 32, or [height, width], in [data] resizes them all"
    told = []
    for number in range(7):
        path = place / "dog" / f"x{number}.png"
        write_image(path, random_pixels(np.random.default_rng(1), 7 + number, 9, 3))
        told.append(
            f"{path}: must have the size of most images, 6 x 8, got {7 + number} x 9; {way_out}"
        )
    assert complaints(place) == [*told[:5], f"{place}: 2 more of 34 images have other sizes"]


def test_names_that_are_not_utf_8_are_refused(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets")
    (place / "dog").rename(os.fsdecode(os.fsencode(place) + b"/caf\xe9"))
    for number in range(7):
        (place / "cat" / "0.png").rename(place / "cat" / f"caf\udce9{number}.png")
        write_image(place / "cat" / "0.png", random_pixels(np.random.default_rng(number), 6, 8, 3))
    rename = "must have a name in UTF-8; rename it"
    assert complaints(place) == [
        f"{place}/caf\\xe9: {rename}",
        *(f"{place}/cat/caf\\xe9{number}.png: {rename}" for number in range(4)),
        f"{place}: 3 more names must be in UTF-8; rename them",
    ]


def test_beside_the_classes_only_files_named_like_images_are_refused(
    tmp_path: Path, cache: Path
) -> None:
    place = image_folder(tmp_path / "pets")
    for name in ("paper.pdf", "weights.h5", "figure.eps"):
        (place / name).write_text("about these images")
    assert open_dataset(own(place), fetch(own(place))).info.classes == CLASSES
    (place / "X.JPG").write_text("called like one")
    assert complaints(place) == [
        f"{place}/X.JPG: must lie in the folder of its class; move it there or delete it"
    ]


def _cut(path: Path) -> None:
    """An image with a sound header, behind which something is missing."""
    write_image(path, random_pixels(np.random.default_rng(1), 6, 8, 3))
    path.write_bytes(path.read_bytes()[:-44])


def _damage(place: Path) -> None:
    """Every mistake at once, one of each kind."""
    (place / "train" / "ant").mkdir()
    (place / "test" / "ant").mkdir()
    (place / "train" / "cat" / "note.txt").write_text("no image")
    _cut(place / "train" / "dog" / "x.bmp")
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(place / "train" / "eel" / "0.png")
    (place / "train" / "eel" / "more").mkdir()
    (place / "train" / "gone.png").symlink_to(place / "nowhere")
    (place / "train" / "dog" / "2.png").unlink()
    (place / "train" / "dog" / "2.png").symlink_to(place / "nowhere")
    shutil.rmtree(place / "test" / "eel")
    (place / "validation").mkdir()


def test_all_mistakes_are_named_at_once(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", ("train", "test"))
    _damage(place)
    train, test = place / "train", place / "test"
    formats = "PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM"
    add = "add some, or delete the class everywhere"
    two, one = "(one to train on and one to validate by)", "(one to test by)"
    assert complaints(place) == [
        f"{place}/validation: must not stand beside train and test; move its images there",
        f"{train}/gone.png: must lie in the folder of its class; move it there or delete it",
        f"{train}/ant: must hold at least 2 images {two}, got 0; {add}",
        f"{train}/eel/more: must be an image, got a folder; put its images into eel",
        f"{test}/ant: must hold at least 1 image {one}, got 0; {add}",
        f"{test}/eel: must hold at least 1 image {one}, got 0; {add}",
        f"{train}/cat/note.txt: must be an image in one of the formats {formats}; replace it or "
        "delete it",
        f"{train}/dog/2.png: must be readable, got 'No such file or directory'; replace it or "
        "delete it",
        f"{train}/eel/0.png: must have 8 bits per channel, got Pillow's mode I;16; replace it or "
        "delete it",
        f"{train}/dog/x.bmp: must be a whole image, got 'image file is truncated (4 bytes not "
        "processed)'; replace it or delete it",
    ]
    assert not list(cache.glob("*/*.npy"))


def test_a_cut_image_is_found_though_all_headers_are_sound(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets")
    names = [place / "cat" / "x.bmp", place / "eel" / "x.bmp"]
    for name in names:
        _cut(name)
    assert sorted(line.partition(": ")[0] for line in complaints(place)) == list(map(str, names))
    assert {path.suffix for path in cache.iterdir()} == {".lock"}


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        (("cat",), "must have a folder of images for each of two classes, got cat alone"),
        ((), "must have a folder of images for each of two classes, got none"),
    ],
)
def test_fewer_than_two_classes_are_refused(
    tmp_path: Path, cache: Path, keep: tuple[str, ...], told: str
) -> None:
    place = image_folder(tmp_path / "pets")
    for name in set(CLASSES) - set(keep):
        shutil.rmtree(place / name)
    assert complaints(place) == [f"{place}: {told}"]


def test_a_training_part_without_a_test_part_is_refused(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", ("train",))
    assert complaints(place)[0] == (
        f"{place}/test: must stand beside train, got no such folder; make it, or put the classes "
        f"of train right into {place} to have a test part drawn"
    )


@pytest.mark.parametrize("reserved", ["train", "test"])
def test_a_class_with_the_name_of_a_part_is_to_be_renamed_and_nothing_else(
    tmp_path: Path, cache: Path, reserved: str
) -> None:
    place = image_folder(tmp_path / "vehicles")
    (place / "eel").rename(place / reserved)
    assert complaints(place) == [
        f"{place}/{reserved}: must not be the name of a class, since train and test name the parts "
        f"of a data set; rename it, such as to {reserved}_class"
    ]
    (place / reserved).rename(place / f"{reserved}_class")
    assert open_dataset(own(place), fetch(own(place))).info.classes == (
        "cat",
        "dog",
        f"{reserved}_class",
    )


def test_of_many_images_without_a_class_a_few_are_named(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets")
    for number in range(10, 30):
        write_image(place / f"{number}.png", random_pixels(np.random.default_rng(number), 6, 8, 3))
    loose = "must lie in the folder of its class; move it there or delete it"
    assert complaints(place) == [
        *(f"{place}/{number}.png: {loose}" for number in range(10, 15)),
        f"{place}: 15 more images must lie in the folder of their class; move them there or "
        "delete them",
    ]


def test_a_path_that_is_neither_a_folder_nor_arrays_is_refused(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "pets.zip"
    rule = "must name a folder of images by class or a .npz file, got"
    after = "correct it, or name where the data are now with --data-dir"
    told = [f"data.path: {rule} {path} (nothing there); {after}"]
    assert complaints(path) == told
    path.write_bytes(b"PK")
    assert complaints(path) == [f"data.path: {rule} {path} (a file of another kind); {after}"]
    with pytest.raises(
        UsageError, match=r"^--data-dir or STUDYHALL_DATA: must name a folder of images by class"
    ):
        fetch(own(tmp_path), data_dir=path)


def test_a_test_part_that_is_there_is_not_drawn(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", ("train", "test"))
    assert complaints(place, test_share=0.3) == [
        f"data.test_share: goes with data without a test part, got 0.3 for {place}; delete it"
    ]


def test_every_format_is_read(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets")
    for name in ("JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"):
        buffer = io.BytesIO()
        Image.fromarray(np.full((6, 8, 3), 200, np.uint8)).save(buffer, name)
        (place / "cat" / f"x.{name.lower()}").write_bytes(buffer.getvalue())
    settings = own(place, test_share=0.2)
    dataset = open_dataset(settings, fetch(settings))
    flat = (np.abs(dataset.train_examples.astype(int) - 200) < 5).all(axis=(1, 2, 3))
    assert flat.sum() >= 3


def test_of_many_files_that_cannot_be_read_a_few_are_named(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets")
    for number in range(2000):
        (place / "cat" / f"IMG_{number:04}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    found = complaints(place)
    assert [line.partition(":")[0] for line in found] == [
        *(f"{place}/cat/IMG_{number:04}.HEIC" for number in range(5)),
        str(place),
    ]
    assert found[-1] == (
        f"{place}: 1,995 more files must be images that can be read; replace them or delete them"
    )


def test_of_many_images_cut_short_a_few_are_named(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", each=20)
    for path in place.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-40])
    assert complaints(place)[5:] == [
        f"{place}: 55 more files must be images that can be read; replace them or delete them"
    ]


def test_of_many_classes_with_too_few_images_a_few_are_named(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets")
    for number in range(100):
        (place / f"c{number}").mkdir()
    assert complaints(place)[5:] == [f"{place}: 95 more classes must hold at least 3 images"]


def test_two_folders_of_one_part_are_refused(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets", ("Train", "Training", "Test"))
    assert complaints(place) == [
        f"{place}/Train: must not stand beside Training and Test; move its images there"
    ]


def test_a_class_is_one_though_two_systems_wrote_its_name(tmp_path: Path, cache: Path) -> None:
    place = image_folder(tmp_path / "pets")
    (place / "cat").rename(place / "caf\u00e9")
    (place / "dog").rename(place / "cafe\u0301")
    settings = own(place)
    dataset = open_dataset(settings, fetch(settings))
    assert dataset.info.classes == ("caf\u00e9", "eel")
    assert np.bincount(dataset.train_labels).tolist() == [8, 4]


@pytest.mark.parametrize("ground", [None, "white", "black", "#102030"])
def test_transparent_images_are_laid_on_the_ground_that_the_study_names(
    tmp_path: Path, cache: Path, ground: str | None
) -> None:
    """Grey images, so that a coloured ground makes all of them RGB."""
    place, generator = tmp_path / "icons", np.random.default_rng(0)
    colour = {None: 255, "white": 255, "black": 0}.get(ground)
    seen = {}
    for name in ("circle", "square"):
        for number in range(4):
            pixels = np.zeros((6, 8, 2), np.uint8)
            pixels[..., 1] = 255 * generator.integers(0, 2, (6, 8))
            write_image(place / name / f"{number}.png", pixels)
            behind = np.array((16, 32, 48) if colour is None else (colour,))
            shown = (pixels[..., :1] == 0) & (pixels[..., 1:] == 255)
            seen[f"{name}/{number}.png"] = np.where(shown, 0, behind).astype(np.uint8)
    settings = own(place, background=ground)
    folder = fetch(settings)
    dataset, (test, _, _) = open_dataset(settings, folder), open_test(settings, folder)
    manifest = read_manifest(folder)
    assert manifest is not None
    for part, images in (("train", dataset.train_examples), ("test", test)):
        for name, image in zip(manifest.files[part], images, strict=True):
            np.testing.assert_array_equal(image, seen[name])
            shape, behind = image.shape, ground or "white"
            read = read_image(place / name, shape, light_on_dark=False, background=behind)
            np.testing.assert_array_equal(read, image)
