import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from studyhall.model import (
    Architecture,
    CheckpointError,
    Classifier,
    Network,
    load_checkpoint,
    save_checkpoint,
    weights_sha256,
)
from studyhall.model.checkpoint import METADATA_KEY, _read


@pytest.fixture
def path(tmp_path, classifier):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, classifier)
    return path


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_classifier_comes_back_bit_for_bit(
    make_network, preprocessing, images, tmp_path, hidden, dtype
):
    saved = Classifier(make_network(hidden, dtype), preprocessing, ("a", "b", "ç"), (4, 4, 3))
    save_checkpoint(tmp_path / "model", saved)
    loaded = load_checkpoint(str(tmp_path / "model"))
    assert loaded.network.architecture == saved.network.architecture
    assert loaded.network.dtype == dtype
    assert (loaded.classes, loaded.example_shape) == (saved.classes, saved.example_shape)
    assert loaded.network.vector.values.tobytes() == saved.network.vector.values.tobytes()
    np.testing.assert_array_equal(loaded.logits(images), saved.logits(images))


@pytest.mark.parametrize(
    ("options", "classes"),
    [
        ({"activation": ("tanh", "sigmoid"), "dropout": (0.25, 0.0)}, 3),
        ({"activation": "sigmoid", "dropout": 0.5, "loss": "mean_squared_error"}, 3),
        ({"loss": "sigmoid_cross_entropy", "outputs": 1}, 2),
        ({"loss": "mean_squared_error", "outputs": 1, "dropout": 0.1}, 2),
    ],
)
def test_every_architecture_comes_back(images, preprocessing, tmp_path, options, classes):
    architecture = Architecture(**{"inputs": 48, "hidden": (6, 5), "outputs": 3, **options})
    network = Network(architecture)
    network.initialize("he", np.random.default_rng(0))
    saved = Classifier(network, preprocessing, tuple("abc"[:classes]), (4, 4, 3))
    save_checkpoint(tmp_path / "model", saved)
    loaded = load_checkpoint(tmp_path / "model")
    assert loaded.network.architecture == architecture
    assert loaded.network.architecture.to_dict() == architecture.to_dict()
    np.testing.assert_array_equal(loaded.probabilities(images), saved.probabilities(images))
    assert weights_sha256(loaded) == weights_sha256(saved) == weights_sha256(tmp_path / "model")


@pytest.mark.parametrize("shape", [(48,), (6, 8)])
def test_measurements_come_back_as_such(make_network, preprocessing, tmp_path, shape):
    saved = Classifier(make_network(), preprocessing, ("a", "b", "c"), shape, np.float32)
    save_checkpoint(tmp_path / "model", saved)
    loaded = load_checkpoint(tmp_path / "model")
    assert (loaded.example_shape, loaded.example_dtype) == (shape, np.float32)


def test_the_hash_is_of_the_bytes_and_of_the_weights(path, classifier):
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights_sha256(path) == weights_sha256(classifier) == expected
    classifier.network.parameters["affine2.bias"][0] += 1
    assert weights_sha256(classifier) != expected


PROGRAM = """
import numpy as np
from studyhall import model
network = model.Network(model.Architecture(4, (3,), 2))
network.initialize("he", np.random.default_rng(0))
preprocessing = model.Preprocessing(np.zeros(4), np.ones(4))
print(model.weights_sha256(model.Classifier(network, preprocessing, ("a", "b"), (4,))))
"""


def test_every_process_writes_the_same_bytes():
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PROGRAM]
    hashes = {subprocess.check_output(command, cwd=root, text=True) for _ in range(4)}
    assert len(hashes) == 1


def test_saving_replaces_the_file_and_leaves_nothing_else(path, classifier):
    before = path.read_bytes()
    classifier.network.vector.values[0] += 1
    save_checkpoint(path, classifier)
    assert path.read_bytes() != before
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_save_leaves_the_old_file_alone(path, classifier, monkeypatch):
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studyhall.model.checkpoint.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, classifier)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def drop(tensors):
    del tensors["affine2.bias"]


def add(tensors):
    tensors["affine9.weight"] = np.zeros(2, np.float32)


def reshape(tensors):
    tensors["affine1.weight"] = tensors["affine1.weight"].T.copy()


def widen(tensors):
    tensors["affine1.weight"] = tensors["affine1.weight"].astype(np.float64)


def shorten(tensors):
    tensors["preprocessing.mean"] = tensors["preprocessing.mean"][:-1]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop, r"tensor affine2\.bias must be there, got \['affine1\.bias', .*\]"),
        (add, r"tensors must be \[.*\], got also \['affine9\.weight'\]"),
        (reshape, r"affine1\.weight must be float32 \(48, 6\), got float32 \(6, 48\)"),
        (widen, r"affine1\.weight must be float32 \(48, 6\), got float64 \(48, 6\)"),
        (shorten, r"preprocessing\.mean must be float32 \(48,\), got float32 \(47,\)"),
    ],
)
def test_tensors_must_be_those_of_the_architecture(path, damage, message):
    tensors, (metadata, _) = load_file(path), _read(path)
    damage(tensors)
    save_file(tensors, path, metadata)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


@pytest.mark.parametrize("length", [0, 4, 200, -1])
def test_a_truncated_file_is_named(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: not a readable checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, r"not a readable checkpoint \(it has no 'studyhall'\)"),
        ({METADATA_KEY: "{"}, "not a readable checkpoint"),
        ({METADATA_KEY: "[]"}, "not a readable checkpoint"),
        ({METADATA_KEY: '{"format": 3}'}, "format must be 2, got 3"),
        ({METADATA_KEY: '{"format": 2}'}, r"not a readable checkpoint \(it has no 'dtype'\)"),
    ],
)
def test_other_metadata_is_refused(path, metadata, message):
    save_file(load_file(path), path, metadata)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_a_file_of_the_first_format_is_read(path, classifier):
    metadata, tensors = _read(path)
    header = json.loads(metadata[METADATA_KEY])
    header |= {"format": 1, "image_shape": header.pop("example_shape")}
    save_file(tensors, path, {METADATA_KEY: json.dumps(header)})
    assert weights_sha256(load_checkpoint(path)) == weights_sha256(classifier)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "nothing.safetensors")
