"""A classifier as one safetensors file, whose bytes are a function of the classifier alone.

Layout: a tensor for each parameter under its name ("affine1.weight" (inputs, outputs) and so on),
"preprocessing.mean" and "preprocessing.scale" (inputs,), float32, and one metadata entry,
"studyhall", that holds sorted JSON: format, architecture, dtype, classes and example_shape. There
is one entry because safetensors writes several in an order that changes from process to process.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .architecture import Architecture
from .classifier import Classifier
from .network import Network
from .preprocessing import Preprocessing

FORMAT = 2
METADATA_KEY = "studyhall"
STATISTICS = ("mean", "scale")

Tensors = dict[str, NDArray[Any]]


class CheckpointError(ValueError):
    """A file is not a checkpoint, or its tensors are not those that its architecture needs."""


def save_checkpoint(path: str | Path, classifier: Classifier) -> None:
    """Write the classifier to a file; a reader sees the whole of it or nothing.

    Raises:
        OSError: the file cannot be written; nothing is left behind.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(_to_bytes(classifier))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: str | Path) -> Classifier:
    """Read a classifier back, bit for bit.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged or not a checkpoint, or a tensor is missing, unknown,
            or of another shape or type than the architecture expects.
    """
    try:
        metadata, tensors = _read(path)
        header = json.loads(metadata[METADATA_KEY])
        if header["format"] == 1:  # before examples could be anything but images
            header |= {"format": FORMAT, "example_shape": header["image_shape"]}
        if header["format"] != FORMAT:
            raise CheckpointError(f"{path}: format must be {FORMAT}, got {header['format']}")
        network = Network(Architecture.from_dict(header["architecture"]), header["dtype"])
        classes, example_shape = tuple(header["classes"]), tuple(header["example_shape"])
    except CheckpointError:
        raise
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({error})") from error
    _compare(path, _expected(network), tensors)
    for name, value in network.parameters.items():
        value[...] = tensors[name]
    statistics = (tensors[f"preprocessing.{name}"] for name in STATISTICS)
    return Classifier(network, Preprocessing(*statistics), classes, example_shape)


def weights_sha256(source: str | Path | Classifier) -> str:
    """Return the SHA-256, in hexadecimal, of a checkpoint, on disk or as it would be saved."""
    content = _to_bytes(source) if isinstance(source, Classifier) else Path(source).read_bytes()
    return hashlib.sha256(content).hexdigest()


def _to_bytes(classifier: Classifier) -> bytes:
    network = classifier.network
    header = {
        "format": FORMAT,
        "architecture": network.architecture.to_dict(),
        "dtype": network.dtype.name,
        "classes": classifier.classes,
        "example_shape": classifier.example_shape,
    }
    statistics = {
        f"preprocessing.{name}": getattr(classifier.preprocessing, name) for name in STATISTICS
    }
    return save(
        {**network.parameters, **statistics}, {METADATA_KEY: json.dumps(header, sort_keys=True)}
    )


def _read(path: str | Path) -> tuple[dict[str, str], Tensors]:
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.offset_keys()}


def _expected(network: Network) -> Tensors:
    statistics = np.empty(network.architecture.inputs, np.float32)
    return network.parameters | {f"preprocessing.{name}": statistics for name in STATISTICS}


def _compare(path: str | Path, expected: Tensors, found: Tensors) -> None:
    if unknown := sorted(found.keys() - expected.keys()):
        raise CheckpointError(f"{path}: tensors must be {sorted(expected)}, got also {unknown}")
    for name, pattern in expected.items():
        if name not in found:
            raise CheckpointError(f"{path}: tensor {name} must be there, got {sorted(found)}")
        wanted, got = (f"{array.dtype} {array.shape}" for array in (pattern, found[name]))
        if wanted != got:
            raise CheckpointError(f"{path}: tensor {name} must be {wanted}, got {got}")
