"""Small data and networks that the tests of `model` share."""

import numpy as np
import pytest

from studyhall.model import Architecture, Batches, Classifier, Examples, Network, Preprocessing

COUNT, SHAPE, CLASSES = 130, (4, 4, 3), 3


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


@pytest.fixture(scope="session")
def images():
    """Images whose brightness tells their class, with some noise."""
    generator = np.random.default_rng(7)
    brightness = 60 * (np.arange(COUNT) % CLASSES)[:, None, None, None]
    images = (brightness + generator.integers(0, 100, (COUNT, *SHAPE))).astype(np.uint8)
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def labels():
    return np.arange(COUNT) % CLASSES


@pytest.fixture
def preprocessing(images):
    return Preprocessing.fit(images, np.arange(100), "standardize")


@pytest.fixture
def make_network():
    def make(hidden=(6,), dtype=np.float32, seed=1):
        network = Network(Architecture(int(np.prod(SHAPE)), hidden, CLASSES), dtype)
        network.initialize("he", np.random.default_rng(seed))
        return network

    return make


@pytest.fixture
def make_batches(images, labels, preprocessing):
    def make(batch_size=32, sampling="shuffle", seed=3, **options):
        generator = np.random.default_rng(seed)
        return Batches(
            images,
            labels,
            np.arange(100),
            preprocessing,
            batch_size,
            generator,
            sampling,
            **options,
        )

    return make


@pytest.fixture
def validation(images, labels, preprocessing):
    return Examples(images, labels, np.arange(100, COUNT), preprocessing)


@pytest.fixture
def classifier(make_network, preprocessing):
    return Classifier(make_network(), preprocessing, ("dark", "grey", "bright"), SHAPE)
