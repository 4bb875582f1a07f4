"""Point sets: their formulas, and how they are drawn, checked, repaired and mapped."""

from __future__ import annotations

from dataclasses import replace
from math import erf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.arrays import open_array, write_arrays
from studyhall.search.data.catalog import Piece
from studyhall.search.data.datasets import (
    fetch,
    open_dataset,
    open_test,
    split_dataset,
)
from studyhall.search.data.integrity import fingerprint
from studyhall.search.data.point_sets import DEFAULT_NOISE, FORMULAS, point_set
from studyhall.search.data.splits import require_fitting
from studyhall.search.data.verification import verify

NAMES = sorted(FORMULAS)
MANY = 20_000


def settings(name: str = "two_moons", **others: Any) -> DataSettings:
    return DataSettings(name=name, **{"train": 211, "validation": 100, **others})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.npy")}


def found(choice: DataSettings) -> str:
    folder = fetch(choice)
    return fingerprint(folder, split_dataset(open_dataset(choice, folder), choice))


@pytest.mark.parametrize("name", NAMES)
def test_points_are_drawn_into_the_cache_and_mapped(cache: Path, name: str) -> None:
    folder = fetch(settings(name, seed=3, noise=0.25))
    assert folder == cache / f"{name}-seed-3-noise-0.25"
    dataset = open_dataset(settings(name, seed=3, noise=0.25), folder)
    assert isinstance(dataset.train_examples, np.memmap)
    assert (dataset.train_examples.shape, dataset.train_examples.dtype) == ((10_000, 2), np.float32)
    assert dataset.train_labels.dtype == np.int64
    assert dataset.info.example_shape == (2,)
    assert dataset.info.classes == ("0", "1")
    assert dataset.info.source_url == f"studyhall:{name}?seed=3&noise=0.25"
    assert not dataset.train_examples.flags.writeable


def test_the_mapped_points_are_those_of_the_formula(cache: Path) -> None:
    folder = fetch(settings(seed=3, noise=0.25))
    dataset = open_dataset(settings(seed=3, noise=0.25), folder)
    points, labels = FORMULAS["two_moons"](np.random.default_rng([3, 1]), 10_000, 0.25)
    np.testing.assert_array_equal(dataset.train_examples, points.astype(np.float32))
    np.testing.assert_array_equal(dataset.train_labels, labels)


def test_training_and_test_points_are_drawn_independently(cache: Path) -> None:
    folder = fetch(settings())
    train = open_dataset(settings(), folder)
    points, labels, _ = open_test(settings(), folder)
    assert points.shape == (10_000, 2)
    assert not set(map(tuple, points.tolist())) & set(map(tuple, train.train_examples.tolist()))
    assert np.corrcoef(labels, train.train_labels)[0, 1] == pytest.approx(0, abs=0.04)


def test_a_name_alone_stands_for_seed_0_and_the_usual_noise(cache: Path) -> None:
    assert (
        fetch("two_blobs") == fetch(settings("two_blobs")) == cache / "two_blobs-seed-0-noise-0.12"
    )
    assert verify("two_blobs").intact


def test_what_is_drawn_already_is_not_drawn_again(cache: Path, steps: Any) -> None:
    fetch(settings(), progress=steps)
    assert steps.steps == [("Drawing two_moons (seed 0, noise 0.2)", None)]
    assert steps.bytes == 2 * 10_000 * (8 + 1)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")}
    fetch(settings(), progress=steps)
    assert len(steps.steps) == 1
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")} == before


def test_sets_of_other_seeds_and_noise_lie_side_by_side(cache: Path) -> None:
    folders = {fetch(settings(**choice)) for choice in ({}, {"seed": 1}, {"noise": 0.1})}
    assert {path for path in cache.iterdir() if path.is_dir()} == folders
    assert len(folders) == 3


def test_a_folder_of_another_data_set_that_the_user_names_does_not_matter(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(fetch(settings()))
    monkeypatch.setenv("STUDYHALL_DATA", str(tmp_path / "nowhere"))
    assert contents(fetch(settings(), data_dir=tmp_path)) == before


@pytest.mark.parametrize("file", ["train_images.npy", "test_images.npy", "train_labels.npy"])
def test_a_changed_point_is_named_and_all_are_drawn_again(
    cache: Path, steps: Any, file: str
) -> None:
    folder = fetch(settings())
    before = contents(folder)
    spoilt = bytearray(before[file])
    spoilt[128 + 7 * (8 if "images" in file else 1)] ^= 1
    (folder / file).write_bytes(spoilt)
    (problem,) = verify(settings()).problems
    split, _, kind = file.removesuffix(".npy").partition("_")
    told = f"{folder / file}: {kind} must be those of two_moons, got others in {split} at index 7"
    class_name = np.load(folder / f"{split}_labels.npy")[7]
    assert problem == f"{told} ({class_name})"
    fetch(settings(), progress=steps)
    assert steps.notes == [f"{problem}; fetching it again"]
    assert contents(folder) == before


def test_points_of_another_type_are_not_opened(cache: Path) -> None:
    folder = fetch(settings())
    np.save(folder / "train_images.npy", np.zeros((10_000, 2)))
    with pytest.raises(UsageError) as caught:
        open_dataset(settings(), folder)
    assert str(caught.value).startswith(
        f"{folder / 'train_images.npy'}: must hold float32, got float64; "
    )


def test_points_may_be_written_in_any_order(tmp_path: Path) -> None:
    info = point_set("two_moons")
    whole = [
        Piece(split, kind, 0, values)
        for split in ("train", "test")
        for kind, values in info.origin.arrays(split).items()
    ]
    parts = [
        replace(piece, start=start, values=piece.values[start:stop])
        for piece in whole
        for start, stop in ((400, 10_000), (0, 400))
    ]
    assert write_arrays(tmp_path, info, parts) == []
    for piece in whole:
        found = open_array(tmp_path, info, piece.split, piece.kind)
        np.testing.assert_array_equal(found, piece.values)


def test_what_was_never_drawn_cannot_be_verified(cache: Path) -> None:
    with pytest.raises(UsageError, match=r"^two_moons: must be in the cache to be verified"):
        verify(settings(seed=9))


def test_the_fingerprint_depends_on_name_seed_and_noise(cache: Path) -> None:
    choices = [{}, {"seed": 1}, {"noise": 0.1}, {"name": "two_blobs"}, {"shuffle": False}]
    assert len({found(settings(**choice)) for choice in choices}) == len(choices)
    assert found(settings()) == found(settings(noise=0.2))


@pytest.mark.parametrize("count", [1, 10_000])
def test_any_number_of_test_points_that_there_are_may_be_asked_for(cache: Path, count: int) -> None:
    require_fitting(settings(test=count), point_set("two_moons"))
    assert len(open_test(settings(), fetch(settings()), count)[1]) == count


def test_more_points_than_a_split_has_are_refused_before_any_is_drawn(cache: Path) -> None:
    with pytest.raises(UsageError) as caught:
        require_fitting(settings(train=9_901, test=10_001), point_set("two_moons"))
    assert str(caught.value).splitlines() == [
        "data.train and data.validation: each must be at least 1 and both together at most 10000, "
        "got 9901 and 100; lower data.train or data.validation",
        "data.test: must be at most 10000, got 10001; lower data.test",
    ]
    assert not cache.exists()


def drawn(name: str, noise: float, seed: int = 5, count: int = MANY) -> tuple[Any, Any]:
    return FORMULAS[name](np.random.default_rng(seed), count, noise)


def test_moons_without_noise_are_two_half_circles_that_reach_into_each_other() -> None:
    points, labels = drawn("two_moons", 0)
    upper, lower = points[labels == 0], points[labels == 1] - [1, 0.5]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*lower.T), 1)
    assert upper[:, 1].min() >= 0 >= lower[:, 1].max()
    # All along both half circles, not only near their ends or tops.
    for half, height in ((upper, 1), (lower, -1)):
        angles = np.arctan2(half[:, 1] * height, half[:, 0])
        assert np.histogram(angles, 10, (0, np.pi))[0].min() > MANY / 25


def test_moons_scatter_about_their_half_circles_by_the_noise() -> None:
    quiet, labels = drawn("two_moons", 0)
    noisy, same = drawn("two_moons", 0.3)
    np.testing.assert_array_equal(labels, same)
    scatter = (noisy - quiet) / 0.3
    np.testing.assert_allclose(scatter.mean(axis=0), 0, atol=4 / sqrt(MANY))
    np.testing.assert_allclose(np.cov(scatter.T), np.eye(2), atol=6 / sqrt(MANY))


def test_blobs_lie_on_the_two_sides_of_the_diagonal() -> None:
    points, labels = drawn("two_blobs", 0)
    across = (points[:, 0] - points[:, 1]) / sqrt(2)
    np.testing.assert_allclose(across, np.where(labels == 1, 0.15, -0.15))


def test_blobs_scatter_along_the_diagonal_by_a_quarter_and_across_by_the_noise() -> None:
    points, labels = drawn("two_blobs", 0.12)
    along = (points[:, 0] + points[:, 1]) / sqrt(2)
    across = (points[:, 0] - points[:, 1]) / sqrt(2) - np.where(labels == 1, 0.15, -0.15)
    assert along.std() == pytest.approx(0.25, rel=0.02)
    assert across.std() == pytest.approx(0.12, rel=0.02)
    assert np.corrcoef(along, across)[0, 1] == pytest.approx(0, abs=4 / sqrt(MANY))


def test_the_best_classifier_of_blobs_is_right_as_often_as_their_formula_says() -> None:
    points, labels = drawn("two_blobs", DEFAULT_NOISE["two_blobs"])
    right = ((points[:, 0] > points[:, 1]) == labels).mean()
    share = (1 + erf(0.15 / DEFAULT_NOISE["two_blobs"] / sqrt(2))) / 2
    assert share == pytest.approx(0.894, abs=5e-4)
    assert right == pytest.approx(share, abs=4 * sqrt(share * (1 - share) / MANY))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("count", "ones"), [(10, 5), (11, 5), (1, 0)])
def test_half_of_the_points_are_of_each_class(name: str, count: int, ones: int) -> None:
    points, labels = drawn(name, 0.1, count=count)
    assert points.shape == (count, 2)
    assert labels.dtype == np.uint8
    assert labels.sum() == ones


@pytest.mark.parametrize("name", NAMES)
def test_the_classes_are_mixed_so_that_any_stretch_holds_both(name: str) -> None:
    _, labels = drawn(name, 0.1)
    assert labels[:100].sum() == pytest.approx(50, abs=20)
    assert np.corrcoef(labels[1:], labels[:-1])[0, 1] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_in_the_same_state_draws_the_same_points(name: str) -> None:
    for first, second in zip(drawn(name, 0.1), drawn(name, 0.1), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        (
            "two_blobs",
            "284a6c3c54981cc42561732a5bbca30f23cb1b936b94d3629533e88bd25a2060",
            "eb6ca721b38ba6c609e8be9b3c6f42990c323cee0739567c2e7286b85ee52726",
        ),
        (
            "two_moons",
            "4106b01438435d90516a5286d1834b1b77febb68cfe374d0f178e8839992ed90",
            "5af79a3b36c1b10e29ad4f38634c66249d351224e458cf437292e77473a6843f",
        ),
    ],
)
def test_the_points_of_seed_0_are_the_same_on_every_machine_and_release(
    name: str, train: str, test: str
) -> None:
    assert [batch.images for batch in point_set(name).batches] == [train, test]


@pytest.mark.parametrize("name", NAMES)
def test_name_seed_and_noise_determine_the_points(name: str) -> None:
    usual = DEFAULT_NOISE[name]
    choices = [(0, usual), (1, usual), (0, usual / 2), (2**32 - 1, usual), (0, 0)]
    digests = [batch.images for choice in choices for batch in point_set(name, *choice).batches]
    assert len(set(digests)) == 2 * len(choices)
    assert point_set(name, 0, None) == point_set(name, 0, usual)


def test_no_points_are_drawn_from_the_bits_that_order_the_split() -> None:
    order = np.random.PCG64(0).random_raw(4).tolist()
    for stream in (1, 2):
        assert np.random.default_rng([0, stream]).bit_generator.random_raw(4).tolist() != order
    assert np.random.default_rng([0, 0]).bit_generator.random_raw(4).tolist() == order
