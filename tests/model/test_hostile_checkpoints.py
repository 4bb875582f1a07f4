"""Files that somebody made up: each is refused by name, at once, whatever it promises."""

import json
import re
import struct
import tracemalloc

import numpy as np
import pytest

from studyhall.model import CheckpointError, load_checkpoint, load_training_state, save_checkpoint
from studyhall.model.checkpoint import METADATA_KEY

TENSORS = (
    "['affine1.bias', 'affine1.weight', 'affine2.bias', 'affine2.weight', 'preprocessing.mean', "
    "'preprocessing.scale']"
)
UNREADABLE = "not a readable checkpoint"
HEADER = f"{UNREADABLE} (Error while deserializing header: "


class Forgery:
    """A sound file taken apart: safetensors' header, our own within it, and the data."""

    def __init__(self, path):
        self.path, content = path, path.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        self.header, self.data = json.loads(content[8 : 8 + length]), content[8 + length :]
        self.ours = json.loads(self.header["__metadata__"][METADATA_KEY])

    def write(self, *, header=None, length=None, ours=None):
        """Put the file together, some part of it given as bytes, a number or text."""
        self.header["__metadata__"][METADATA_KEY] = ours or json.dumps(self.ours)
        header = header or json.dumps(self.header).encode()
        length = struct.pack("<Q", len(header) if length is None else length)
        self.path.write_bytes(length + header + self.data)

    def assert_refused(self, message):
        """By both readers, with this text behind the path, and without taking memory for it."""
        for load in (load_checkpoint, load_training_state):
            tracemalloc.start()
            try:
                with pytest.raises(
                    CheckpointError, match=f"^{re.escape(f'{self.path}: {message}')}"
                ):
                    load(self.path)
                assert tracemalloc.get_traced_memory()[1] < 20_000_000
            finally:
                tracemalloc.stop()


@pytest.fixture
def forgery(classifier, tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, classifier)
    return Forgery(path)


def test_a_file_put_together_again_is_read(forgery, classifier):
    forgery.write()
    loaded = load_checkpoint(forgery.path).network.vector.values
    np.testing.assert_array_equal(loaded, classifier.network.vector.values)


WIDTHS = "architecture: widths must be whole numbers of at least 1, got "


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"inputs": 10**12},
            "tensor affine1.weight must be float32 (1000000000000, 6), got float32 (48, 6)",
        ),
        (
            {"inputs": 10**8},
            "tensor affine1.weight must be float32 (100000000, 6), got float32 (48, 6)",
        ),
        (
            {"hidden": [10**12]},
            "tensor affine1.weight must be float32 (48, 1000000000000), got float32 (48, 6)",
        ),
        ({"hidden": [6, 10**8]}, "tensor affine2.weight must be float32 (6, 100000000), got "),
        ({"inputs": -48}, f"{UNREADABLE} ({WIDTHS}(-48, 6, 3))"),
        ({"hidden": [0]}, f"{UNREADABLE} ({WIDTHS}(48, 0, 3))"),
        ({"inputs": 48.0}, f"{UNREADABLE} ({WIDTHS}(48.0, 6, 3))"),
        ({"hidden": [True]}, f"{UNREADABLE} ({WIDTHS}(48, True, 3))"),
        ({"hidden": None}, UNREADABLE),
        ({"activation": [["relu"]]}, UNREADABLE),
        ({"dropout": ["0.5"]}, UNREADABLE),
        (
            {"dropout": [1.5]},
            f"{UNREADABLE} (dropout: must be at least 0 and below 1, got 1.5)",
        ),
        (
            {"loss": "hinge"},
            f"{UNREADABLE} (loss: must be one of ['mean_squared_error', 'sigmoid_cross_entropy', "
            "'softmax_cross_entropy'], got 'hinge')",
        ),
        (
            {"colour": "red"},
            f"{UNREADABLE} (Architecture.__init__() got an unexpected keyword argument 'colour')",
        ),
    ],
)
def test_architecture(forgery, changes, message):
    # One for all, so that another number of hidden layers is no contradiction in itself.
    forgery.ours["architecture"] |= {"activation": "relu", "dropout": 0.0, **changes}
    forgery.write()
    forgery.assert_refused(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "int32"}, "dtype must be one of ['float32', 'float64'], got 'int32'"),
        ({"dtype": ["float32"]}, "dtype must be one of ['float32', 'float64'], got ['float32']"),
        (
            {"dtype": "float64"},
            "tensor affine1.weight must be float64 (48, 6), got float32 (48, 6)",
        ),
        ({"format": "2"}, "format must be 2, got '2'"),
        ({"format": float("nan")}, "format must be 2, got nan"),
        ({"classes": ["a", "b"]}, f"{UNREADABLE} (classes: must be 3 names, got 2)"),
        ({"classes": [1, 2, 3]}, f"{UNREADABLE} (classes: must be names, got (1, 2, 3))"),
        (
            {"example_shape": [-4, -4, 3]},
            f"{UNREADABLE} (example_shape: must be whole numbers of at least 1, got (-4, -4, 3))",
        ),
        (
            {"example_shape": [48.0]},
            f"{UNREADABLE} (example_shape: must be whole numbers of at least 1, got (48.0,))",
        ),
        (
            {"example_dtype": "int32"},
            f"{UNREADABLE} (example_dtype: must be uint8 or float32, got int32)",
        ),
        ({"optimizer": ["velocity"]}, f"tensor optimizer.velocity must be there, got {TENSORS}"),
        ({"optimizer": 3}, UNREADABLE),
        ({"training": {}}, UNREADABLE),
        ({"training": [1, 2, 3]}, UNREADABLE),
        (
            {"training": {"iteration": 4, "steps": 4, "generators": 3}},
            f"{UNREADABLE} (generators: must be states by name, got 3)",
        ),
    ],
)
def test_the_rest_of_our_header(forgery, changes, message):
    forgery.ours |= changes
    forgery.write()
    forgery.assert_refused(message)


@pytest.mark.parametrize("text", ["[" * 50_000 + "]" * 50_000, '{"format":' * 50_000, "9" * 5_000])
def test_json_that_is_too_much(forgery, text):
    forgery.write(ours=text)
    forgery.assert_refused(UNREADABLE)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "affine2.bias",
            {"dtype": "I32"},
            "tensor affine2.bias must be float32 (3,), got int32 (3,)",
        ),
        ("affine2.bias", {"dtype": "BF16", "shape": [6]}, UNREADABLE),
        ("affine2.bias", {"dtype": "F8_E4M3", "shape": [12]}, UNREADABLE),
        ("affine2.bias", {"shape": [1, 3]}, "tensor affine2.bias must be float32 (3,), got "),
        ("affine2.bias", {"shape": [2**62, 8]}, HEADER),
        ("affine2.bias", {"data_offsets": [10**12, 10**12 + 12]}, HEADER),
    ],
)
def test_tensors(forgery, name, changes, message):
    forgery.header[name] |= changes
    forgery.write()
    forgery.assert_refused(message)


def test_tensors_that_overlap(forgery):
    start, end = forgery.header["affine1.bias"]["data_offsets"]
    forgery.header["affine2.bias"]["data_offsets"] = [start, (start + end) // 2]
    forgery.write()
    forgery.assert_refused(HEADER)


def test_a_header_of_thousands_of_nested_lists(forgery):
    forgery.write(header=b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}")
    forgery.assert_refused(HEADER)


@pytest.mark.parametrize("length", [10**9, 2**63, 2**64 - 1])
def test_a_header_longer_than_the_file(forgery, length):
    forgery.write(length=length)
    forgery.assert_refused(HEADER)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["mean", "scale"])
def test_statistics_that_are_not_finite(classifier, tmp_path, name, value):
    getattr(classifier.preprocessing, name)[5] = value
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, classifier)
    Forgery(path).assert_refused(
        f"tensor preprocessing.{name} must be finite, got infinity or no number"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(classifier, tmp_path, value):
    """Such a network answers class 0 to everything."""
    classifier.network.vector.values[7] = value
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, classifier)
    Forgery(path).assert_refused("tensor affine1.weight must be finite, got infinity or no number")


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=f"^{re.escape(str(tmp_path))}: must be a file, got"):
        load_checkpoint(tmp_path)
