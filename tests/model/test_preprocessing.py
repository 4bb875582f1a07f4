import numpy as np
import pytest

from studyhall.model import Preprocessing

INDICES = np.array([4, 0, 7, 7, 9])


@pytest.mark.parametrize("chunk", [1, 2, 1000])
@pytest.mark.parametrize("kind", ["none", "mean_image", "standardize"])
def test_statistics_are_those_of_the_indices_alone(images, kind, chunk, monkeypatch):
    monkeypatch.setattr("studyhall.model.preprocessing.CHUNK", chunk)
    chosen = images.reshape(len(images), -1)[INDICES].astype(np.float64)
    mean = 0 if kind == "none" else chosen.mean(axis=0)
    scale = 1 / chosen.std(axis=0) if kind == "standardize" else 1
    fitted = Preprocessing.fit(images, INDICES, kind)
    np.testing.assert_allclose(fitted.mean, np.broadcast_to(mean, 48), rtol=1e-6)
    np.testing.assert_allclose(fitted.scale, np.broadcast_to(scale, 48), rtol=1e-5)
    assert fitted.mean.dtype == fitted.scale.dtype == np.float32


def test_sums_of_many_bright_images_do_not_overflow():
    images = np.full((70_000, 1, 1), 255, np.uint8)
    images[::2] = 253
    fitted = Preprocessing.fit(images, np.arange(70_000), "standardize")
    assert (fitted.mean, fitted.scale) == (254, 1)


def test_a_position_that_never_varies_becomes_zero():
    images = np.full((5, 2), 9, np.uint8)
    images[:, 1] = range(5)
    fitted = Preprocessing.fit(images, np.arange(5), "standardize")
    applied = fitted.apply(images, np.empty((5, 2)))
    np.testing.assert_array_equal(applied[:, 0], 0)
    np.testing.assert_allclose([applied[:, 1].mean(), applied[:, 1].std()], [0, 1], atol=1e-6)


@pytest.mark.parametrize("kind", ["mean_image", "standardize"])
def test_floating_examples_have_the_statistics_of_the_same_bytes(images, kind):
    exact = Preprocessing.fit(images, INDICES, kind)
    floating = Preprocessing.fit(images.astype(np.float64), INDICES, kind)
    np.testing.assert_allclose(floating.mean, exact.mean, rtol=1e-6)
    np.testing.assert_allclose(floating.scale, exact.scale, rtol=1e-5)


def test_unit_brings_bytes_to_the_unit_interval(images):
    preprocessing = Preprocessing.fit(images, INDICES, "unit")
    out = preprocessing.apply(np.array([[0, 255] * 24], np.uint8), np.empty((1, 48)))
    np.testing.assert_allclose(out, [[0, 1] * 24], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [0, 3])
@pytest.mark.parametrize("scale", [1, 0.5])
def test_apply_fills_out_and_leaves_the_raw_images(dtype, mean, scale):
    raw = np.array([[0, 255], [7, 3]], np.uint8)
    out = np.empty((2, 2), dtype)
    applied = Preprocessing(np.full(2, mean), np.full(2, scale)).apply(raw, out)
    assert applied is out
    np.testing.assert_array_equal(out, (raw.astype(dtype) - mean) * scale)
    np.testing.assert_array_equal(raw, [[0, 255], [7, 3]])


@pytest.mark.parametrize(
    ("mean", "scale", "message"),
    [
        (np.zeros(3), np.ones(4), r"preprocessing: scale .* got shape \(4,\)"),
        (np.zeros((2, 2)), np.ones((2, 2)), r"preprocessing: mean .* got shape \(2, 2\)"),
        (np.array([np.nan]), np.ones(1), "preprocessing: mean must be a vector of one finite"),
    ],
)
def test_statistics_must_be_finite_vectors_of_one_length(mean, scale, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(mean, scale)


def test_fit_refuses_what_it_cannot_measure(images):
    with pytest.raises(ValueError, match=r"must be one of \['none', .*\], got 'whiten'"):
        Preprocessing.fit(images, INDICES, "whiten")
    with pytest.raises(ValueError, match="needs at least one example, got none"):
        Preprocessing.fit(images, INDICES[:0], "none")
    with pytest.raises(ValueError, match=r"must be uint8 or floating .*, got int64"):
        Preprocessing.fit(images.astype(np.int64), INDICES, "none")
    with pytest.raises(ValueError, match="preprocessing: 'unit' is for bytes, got float32"):
        Preprocessing.fit(images.astype(np.float32), INDICES, "unit")


def test_apply_names_both_sizes(preprocessing):
    with pytest.raises(ValueError, match=r"examples must have 48 numbers, got \(47,\)"):
        preprocessing.apply(np.zeros((2, 47), np.uint8), np.empty((2, 47)))
