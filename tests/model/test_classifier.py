import re

import numpy as np
import pytest

from studyhall.model import Architecture, Classifier, Network, Preprocessing


def test_it_answers_as_the_network_does_on_preprocessed_images(classifier, images):
    raw = images.reshape(len(images), -1)
    inputs = classifier.preprocessing.apply(raw, np.empty(raw.shape, np.float32))
    logits = classifier.network.logits(inputs)
    np.testing.assert_allclose(classifier.logits(images), logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(classifier.predict(images), logits.argmax(axis=1))
    exponentials = np.exp(logits)
    np.testing.assert_allclose(
        classifier.probabilities(images),
        exponentials / exponentials.sum(axis=1, keepdims=True),
        rtol=1e-5,
    )


@pytest.mark.parametrize("count", [0, 1, 7])
def test_shapes_and_types(classifier, images, count):
    assert classifier.probabilities(images[:count]).shape == (count, 3)
    assert classifier.probabilities(images[:count]).dtype == np.float32
    assert classifier.predict(images[:count]).shape == (count,)
    assert classifier.predict(images[:count]).dtype == np.int64


def test_chunks_do_not_change_the_answers(classifier, images, monkeypatch):
    whole = classifier.logits(images)
    monkeypatch.setattr("studyhall.model.classifier.CHUNK", 9)
    np.testing.assert_allclose(classifier.logits(images), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 4, 4, 3)),
        np.zeros((2, 4, 3, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((2, 48), np.uint8),
        np.zeros((), np.uint8),
    ],
    ids=lambda wrong: f"{wrong.dtype}{wrong.shape}",
)
def test_other_images_are_refused(classifier, wrong):
    message = f"examples: must be uint8 of shape (N, 4, 4, 3), got {wrong.dtype} {wrong.shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        classifier.predict(wrong)


@pytest.mark.parametrize(
    ("classes", "example_shape", "message"),
    [
        (("a", "b"), (4, 4, 3), "classes: must be 3 names, got 2"),
        (("a", "b", "c"), (4, 4), "example_shape: must make 48 inputs, got 16"),
        (("a", "b", 3), (4, 4, 3), "classes: must be names, got ('a', 'b', 3)"),
        (
            ("a", "b", "c"),
            (-4, -4, 3),
            "example_shape: must be whole numbers of at least 1, got (-4, -4, 3)",
        ),
    ],
)
def test_parts_must_fit(classifier, classes, example_shape, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Classifier(classifier.network, classifier.preprocessing, classes, example_shape)


def test_another_type_of_examples_is_refused(classifier):
    parts = (classifier.network, classifier.preprocessing, classifier.classes, (4, 4, 3))
    message = "example_dtype: must be uint8 or float32, got float64"
    with pytest.raises(ValueError, match=f"^{message}$"):
        Classifier(*parts, np.float64)


@pytest.fixture(params=["sigmoid_cross_entropy", "mean_squared_error"])
def pair(request):
    """A classifier of points in the plane with a single output."""
    network = Network(Architecture(2, (5,), 1, "tanh", loss=request.param))
    network.initialize("he", np.random.default_rng(0))
    points = np.random.default_rng(1).normal(3, 2, size=(40, 2)).astype(np.float32)
    preprocessing = Preprocessing.fit(points, np.arange(40), "standardize")
    return Classifier(network, preprocessing, ("no", "yes"), (2,), np.float32), points


def test_one_output_tells_two_classes_apart(pair):
    classifier, points = pair
    logits = classifier.logits(points)
    inputs = (points - points.mean(axis=0)) / points.std(axis=0)
    np.testing.assert_allclose(logits, classifier.network.logits(inputs), rtol=1e-4, atol=1e-6)
    squared = classifier.network.architecture.loss == "mean_squared_error"
    yes = np.clip(logits, 0, 1) if squared else 1 / (1 + np.exp(-logits))
    probabilities = classifier.probabilities(points)
    np.testing.assert_allclose(probabilities, np.hstack([1 - yes, yes]), rtol=1e-5, atol=1e-6)
    predicted = classifier.predict(points)
    np.testing.assert_array_equal(predicted, yes[:, 0] > 0.5)
    assert set(predicted.tolist()) == {0, 1}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_nowhere_are_refused(pair, value):
    classifier, points = pair
    points[7, 1] = value
    message = f"examples: must be finite, got {value} in example 7 at (1,)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        classifier.predict(points)


def test_bytes_are_no_points(pair):
    message = "examples: must be float32 of shape (N, 2), got uint8 (3, 2)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pair[0].predict(np.zeros((3, 2), np.uint8))
