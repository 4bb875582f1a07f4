import re

import numpy as np
import pytest

from model import Classifier


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
    monkeypatch.setattr("model.classifier.CHUNK", 9)
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
    ],
)
def test_parts_must_fit(classifier, classes, example_shape, message):
    with pytest.raises(ValueError, match=message):
        Classifier(classifier.network, classifier.preprocessing, classes, example_shape)
