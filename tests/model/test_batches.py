import re
from itertools import chain

import numpy as np
import pytest

from studyhall.model import Batches, Preprocessing

INDICES = np.array([3, 5, 8, 11, 20, 21, 40])


@pytest.fixture
def make():
    """Make batches of one-pixel images whose only value is their own index."""

    def make(sampling, batch_size=3, seed=0, indices=INDICES):
        images = np.arange(50, dtype=np.uint8)[:, None]
        identity = Preprocessing.fit(images, np.arange(50), "none")
        generator = np.random.default_rng(seed)
        return Batches(images, np.arange(50), indices, identity, batch_size, generator, sampling)

    return make


def epoch(batches):
    """Return the image indices of each batch of the next epoch."""
    return [inputs[:, 0].astype(int).tolist() for inputs, _ in batches.epoch()]


def test_shuffled_epochs_hold_every_example_once_and_a_small_last_batch(make):
    batches = make("shuffle")
    first, second = epoch(batches), epoch(batches)
    for batch_sizes in ([len(batch) for batch in first], [len(batch) for batch in second]):
        assert batch_sizes == [3, 3, 1]
    for one in (first, second):
        assert sorted(chain.from_iterable(one)) == INDICES.tolist()
    assert first != second
    assert batches.iterations_per_epoch == 3


def test_drawing_with_replacement_repeats_and_reaches_everything(make):
    batches = make("with_replacement")
    epochs = [epoch(batches) for _ in range(200)]
    assert all([len(batch) for batch in one] == [3, 3] for one in epochs)
    assert batches.iterations_per_epoch == 2
    drawn = np.array(epochs).ravel()
    assert any(len(set(batch)) < 3 for one in epochs for batch in one)
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == INDICES.tolist()
    assert counts.min() > 0.7 * len(drawn) / 7


@pytest.mark.parametrize(
    ("sampling", "batch_size", "iterations", "size"),
    [("shuffle", 7, 1, 7), ("shuffle", 9, 1, 7), ("with_replacement", 9, 1, 9)],
)
def test_batches_as_large_as_the_data(make, sampling, batch_size, iterations, size):
    batches = make(sampling, batch_size)
    assert batches.iterations_per_epoch == iterations
    assert [len(batch) for batch in epoch(batches)] == [size] * iterations


@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_labels_stay_with_their_images(make, sampling):
    for inputs, labels in make(sampling).epoch():
        np.testing.assert_array_equal(inputs[:, 0], labels)


@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_the_generator_alone_decides_the_order(make, sampling):
    same, again, other = (make(sampling, seed=seed) for seed in (1, 1, 2))
    first = [epoch(same), epoch(same)]
    assert first == [epoch(again), epoch(again)]
    assert first != [epoch(other), epoch(other)]


@pytest.mark.parametrize(
    ("sampling", "batch_size", "message"),
    [
        ("sorted", 3, r"sampling: must be one of \['shuffle', 'with_replacement'\], got 'sorted'"),
        ("shuffle", 0, "batch_size: must be at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, sampling, batch_size, message):
    with pytest.raises(ValueError, match=message):
        make(sampling, batch_size)


def mirrored_of(batches, images, epochs=1):
    """Whether each image of some epochs came mirrored; each must be one of the two."""
    found = []
    for inputs, indices in chain.from_iterable(batches.epoch() for _ in range(epochs)):
        shape, apply = (len(indices), -1), batches.examples.preprocessing.apply
        plain = apply(images[indices].reshape(shape), np.empty_like(inputs))
        flipped = apply(images[indices, :, ::-1].reshape(shape), np.empty_like(inputs))
        same, turned = ((inputs == other).all(axis=1) for other in (plain, flipped))
        assert (same ^ turned).all()
        found += turned.tolist()
    return found


@pytest.fixture
def make_mirrored(images, preprocessing):
    """Batches of images that are labelled with their own index."""

    def make(sampling, seed=0, mirror=True):
        generator = np.random.default_rng(seed)
        labels, indices = np.arange(len(images)), np.arange(100)
        parts = (images, labels, indices, preprocessing, 32, generator, sampling)
        return Batches(*parts, mirror=mirror)

    return make


@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_half_of_the_images_are_mirrored_and_keep_their_labels(make_mirrored, images, sampling):
    turned = mirrored_of(make_mirrored(sampling), images, epochs=20)
    assert np.mean(turned) == pytest.approx(0.5, abs=0.05)


def test_each_epoch_mirrors_others(make_mirrored, images):
    batches = make_mirrored("shuffle")
    first, second = mirrored_of(batches, images), mirrored_of(batches, images)
    assert len(first) == len(second) == 100
    assert first != second


@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_the_generator_alone_decides_what_is_mirrored(make_mirrored, images, sampling):
    first, again, other = (
        mirrored_of(make_mirrored(sampling, seed), images, 2) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_nothing_is_mirrored_unless_asked_for(make_mirrored, images):
    assert not any(mirrored_of(make_mirrored("shuffle", mirror=False), images))


@pytest.mark.parametrize("shape", [(50, 12), (50, 2, 6)])
def test_only_images_can_be_mirrored(shape):
    raw = np.zeros(shape, np.uint8)
    parts = (np.zeros(50, int), INDICES, Preprocessing.fit(raw, INDICES, "none"), 3)
    message = f"mirror: needs images (N, height, width, channels), got shape {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Batches(raw, *parts, np.random.default_rng(0), mirror=True)
