import re

import numpy as np
import pytest

from studyhall.model import (
    LOSSES,
    Architecture,
    Classifier,
    Network,
    Preprocessing,
    save_checkpoint,
)
from studyhall.model.serving import ServedClassifier, _load_pyfunc


@pytest.fixture
def served(classifier, tmp_path):
    save_checkpoint(tmp_path / "model.safetensors", classifier)
    return _load_pyfunc(str(tmp_path))


@pytest.mark.parametrize(
    "convert",
    [np.asarray, lambda a: a.astype(np.int64), lambda a: a.astype(np.float32), np.ndarray.tolist],
    ids=["uint8", "int64", "float32", "list"],
)
def test_whole_numbers_of_any_type_are_images(served, classifier, images, convert):
    answer = served.predict(convert(images[:5]), params=None)
    assert list(answer) == ["label", "probability"]
    np.testing.assert_array_equal(answer["label"], classifier.predict(images[:5]))
    np.testing.assert_array_equal(answer["probability"], classifier.probabilities(images[:5]))
    assert answer["label"].dtype == np.int64
    assert answer["probability"].dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES)
def test_the_label_is_the_classifiers_where_probabilities_are_equal(loss):
    network = Network(Architecture(1, (), 2, loss=loss))
    network.parameters["affine1.weight"][...] = [[20, 30]]  # both sigmoids are 1 in float32
    preprocessing = Preprocessing(np.zeros(1), np.ones(1))
    classifier = Classifier(network, preprocessing, ("a", "b"), (1,), np.float32)
    answer = ServedClassifier(classifier).predict([[1.0]])
    assert answer["label"].tolist() == classifier.predict(np.ones((1, 1), np.float32)).tolist()
    assert answer["label"].tolist() == [1]


@pytest.mark.parametrize("value", [-1, 256, 0.5, float("nan"), float("inf")])
def test_other_numbers_are_refused(served, value):
    images = np.zeros((1, 4, 4, 3))
    images[0, 1, 2, 0] = value
    message = f"images: must be whole numbers from 0 to 255, got {float(value)}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        served.predict(images)


@pytest.mark.parametrize("kind", [bool, str, object, complex])
def test_other_types_are_refused(served, kind):
    with pytest.raises(ValueError, match="images: must be whole numbers from 0 to 255, got type"):
        served.predict(np.zeros((1, 4, 4, 3)).astype(kind))


@pytest.mark.parametrize("shape", [(4, 4, 3), (1, 3, 4, 4)])
def test_other_shapes_are_refused(served, shape):
    with pytest.raises(ValueError, match=r"of shape \(N, 4, 4, 3\), got"):
        served.predict(np.zeros(shape))
