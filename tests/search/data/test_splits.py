"""Splits by index: sizes, seeds, order and what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.cifar10 import CIFAR10
from studyhall.search.data.splits import require_fitting, split_indices

PINNED = [3, 11, 13, 20, 92]


def sizes(train: int, validation: int, **others: Any) -> DataSettings:
    """Settings that may be wrong, as a study file's would be refused."""
    return DataSettings.model_construct(
        name="cifar10", train=train, validation=validation, **others
    )


def test_splits_are_disjoint_and_of_the_sizes_asked_for() -> None:
    split = split_indices(100, sizes(70, 25))
    assert split.train.dtype == split.validation.dtype == np.int64
    assert (len(split.train), len(split.validation)) == (70, 25)
    assert len(np.union1d(split.train, split.validation)) == 95
    assert np.all(np.diff(split.train) > 0)
    assert np.all(np.diff(split.validation) > 0)
    assert split.train.min() >= 0
    assert max(split.train.max(), split.validation.max()) < 100


def test_splits_are_the_same_on_every_machine_and_release() -> None:
    assert split_indices(100, sizes(90, 5)).validation.tolist() == PINNED
    assert split_indices(100, sizes(90, 5, seed=1)).validation.tolist() != PINNED


def test_validation_does_not_depend_on_the_number_of_training_images() -> None:
    few, many = (split_indices(100, sizes(train, 20)) for train in (10, 80))
    np.testing.assert_array_equal(few.validation, many.validation)
    assert set(few.train) < set(many.train)


def test_unshuffled_the_first_images_train_and_the_next_validate() -> None:
    split = split_indices(100, sizes(60, 7, shuffle=False))
    assert split.train.tolist() == list(range(60))
    assert split.validation.tolist() == list(range(60, 67))


BY_CLASS = [0] * 20 + [1] * 20 + [2] * 20


@pytest.mark.parametrize(
    ("labels", "train", "validation", "trained", "compared"),
    [
        (BY_CLASS, 48, 12, [16, 16, 16], [4, 4, 4]),
        (BY_CLASS[::-1], 48, 12, [16, 16, 16], [4, 4, 4]),
        (BY_CLASS, 20, 20, [7, 7, 6], [7, 6, 7]),
        ([0] * 40 + [1] * 20, 45, 10, [30, 15], [7, 3]),  # both are trained on, one is compared
        ([0] * 50 + [1] * 2, 40, 12, [39, 1], [11, 1]),
    ],
)
def test_unshuffled_examples_in_the_order_of_their_classes_are_split_class_by_class(
    labels: list[int], train: int, validation: int, trained: list[int], compared: list[int]
) -> None:
    given = np.array(labels)
    split = split_indices(len(labels), sizes(train, validation, shuffle=False), given)
    assert np.bincount(given[split.train]).tolist() == trained
    assert np.bincount(given[split.validation]).tolist() == compared
    for label in set(labels):
        of_class = (split.train[given[split.train] == label], np.flatnonzero(given == label))
        assert of_class[0].tolist() == of_class[1][: trained[label]].tolist()
        later = split.validation[given[split.validation] == label]
        assert later.min() > of_class[0].max()


def test_unshuffled_examples_in_an_order_of_their_own_keep_it() -> None:
    labels = np.arange(60) % 3
    labels[50:] = np.arange(10) % 2  # the last class is not among those to compare by
    split = split_indices(60, sizes(48, 12, shuffle=False), labels)
    assert split.train.tolist() == list(range(48))
    assert split.validation.tolist() == list(range(48, 60))


@pytest.mark.parametrize(("train", "validation"), [(100, 1), (99, 2), (0, 5), (5, 0), (-1, 50)])
def test_splits_larger_than_the_data_or_empty_are_refused(train: int, validation: int) -> None:
    with pytest.raises(UsageError) as caught:
        split_indices(100, sizes(train, validation))
    assert str(caught.value) == (
        "data.train and data.validation: each must be at least 1 and both together at most 100, "
        f"got {train} and {validation}; lower data.train or data.validation"
    )


def test_settings_that_do_not_fit_are_refused_before_a_fetch(cache: Path) -> None:
    require_fitting(
        DataSettings(name="cifar10", train=45_000, validation=5_000, test=10_000), CIFAR10
    )
    with pytest.raises(UsageError) as caught:
        require_fitting(
            DataSettings(name="cifar10", train=50_000, validation=1, test=10_001), CIFAR10
        )
    sizes, test = str(caught.value).splitlines()
    assert "both together at most 50000, got 50000 and 1;" in sizes
    assert test == "data.test: must be at most 10000, got 10001; lower data.test"
    assert not cache.exists()
