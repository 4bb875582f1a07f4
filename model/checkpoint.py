"""A classifier as one safetensors file, whose bytes are a function of the classifier alone.

Layout: a tensor for each parameter under its name ("affine1.weight" (inputs, outputs) and so on),
"preprocessing.mean" and "preprocessing.scale" (inputs,), float32, and one metadata entry,
"studyhall", that holds sorted JSON: format, architecture, dtype, classes, example_shape and
example_dtype. There is one entry because safetensors writes several in an order that changes from
process to process.

A training that is to be resumed adds its optimizer's vectors ("optimizer.velocity" and so on) and,
in the JSON, "training": iteration, steps and the state of each generator.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .architecture import Architecture
from .classifier import Classifier
from .network import Network
from .preprocessing import Preprocessing
from .training_state import TrainingState

FORMAT = 2
METADATA_KEY = "studyhall"
STATISTICS = ("mean", "scale")
DTYPES = ["float32", "float64"]
OPTIMIZER = "optimizer."

Tensors = dict[str, NDArray[Any]]

# What damage makes of the parts that read; an AttributeError is safetensors' way to say that NumPy
# has no such type as an 8-bit float.
_UNREADABLE = (SafetensorError, AttributeError, RecursionError, TypeError, ValueError)


class CheckpointError(ValueError):
    """A file is not a checkpoint, or its tensors are not those that its architecture needs."""


def save_checkpoint(
    path: str | Path, classifier: Classifier, state: TrainingState | None = None
) -> None:
    """Write the classifier to a file; a reader sees the whole of it or nothing.

    Args:
        path: the file.
        classifier: what to keep.
        state: where its training stands, if that is to be resumed.

    Raises:
        OSError: the file cannot be written; nothing is left behind.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(_to_bytes(classifier, state))
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
    return _load(path).classifier


def load_training_state(path: str | Path) -> tuple[Classifier, TrainingState]:
    """Read a classifier back with where its training stood.

    A network with dropout comes with a generator, so that it can be trained on; the state says
    where that generator stood, and `train` puts it there.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: as `load_checkpoint`, or the file holds no training state.
    """
    loaded = _load(path)
    if loaded.state is None:
        raise CheckpointError(f"{path}: must hold the state of a training, got weights alone")
    return loaded.classifier, loaded.state


def weights_sha256(source: str | Path | Classifier) -> str:
    """Return the SHA-256, in hexadecimal, of a checkpoint, on disk or as it would be saved."""
    content = _to_bytes(source) if isinstance(source, Classifier) else Path(source).read_bytes()
    return hashlib.sha256(content).hexdigest()


class _Loaded(NamedTuple):
    classifier: Classifier
    state: TrainingState | None


def _load(path: str | Path) -> _Loaded:
    try:
        metadata, tensors = _read(path)
        header = _header(path, metadata)
        # Compared before the network takes memory: a forged header may promise any width.
        _compare(path, _expected(header), tensors)
        return _rebuild(header, tensors)
    except CheckpointError:
        raise
    except KeyError as error:
        raise CheckpointError(f"{path}: not a readable checkpoint (it has no {error})") from error
    except _UNREADABLE as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({error})") from error


def _header(path: str | Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    header: dict[str, Any] = dict(json.loads(metadata[METADATA_KEY]))
    if header["format"] == 1:  # before examples could be anything but images
        header |= {
            "format": FORMAT,
            "example_shape": header["image_shape"],
            "example_dtype": "uint8",
        }
    if header["format"] != FORMAT:
        raise CheckpointError(f"{path}: format must be {FORMAT}, got {header['format']!r}")
    if header["dtype"] not in DTYPES:
        raise CheckpointError(f"{path}: dtype must be one of {DTYPES}, got {header['dtype']!r}")
    return header


def _rebuild(header: Mapping[str, Any], tensors: Tensors) -> _Loaded:
    architecture = Architecture.from_dict(header["architecture"])
    # Its seed is of no matter: a training that goes on gives it the state of the file.
    generator = np.random.default_rng(0) if any(architecture.dropouts) else None
    network = Network(architecture, header["dtype"], generator)
    for name, value in network.parameters.items():
        value[...] = tensors[name]
    preprocessing = Preprocessing(*(tensors[f"preprocessing.{name}"] for name in STATISTICS))
    classifier = Classifier(
        network,
        preprocessing,
        tuple(header["classes"]),
        tuple(header["example_shape"]),
        header["example_dtype"],
    )
    if "training" not in header:
        return _Loaded(classifier, None)
    vectors = {
        name.removeprefix(OPTIMIZER): tensor
        for name, tensor in tensors.items()
        if name.startswith(OPTIMIZER)
    }
    return _Loaded(classifier, TrainingState(optimizer=vectors, **header["training"]))


def _to_bytes(classifier: Classifier, state: TrainingState | None = None) -> bytes:
    network = classifier.network
    header: dict[str, Any] = {
        "format": FORMAT,
        "architecture": network.architecture.to_dict(),
        "dtype": network.dtype.name,
        "classes": classifier.classes,
        "example_shape": classifier.example_shape,
        "example_dtype": classifier.example_dtype.name,
    }
    tensors = {
        f"preprocessing.{name}": getattr(classifier.preprocessing, name) for name in STATISTICS
    }
    if state is not None:
        header["training"] = state.to_dict()
        header["optimizer"] = sorted(state.optimizer)
        tensors |= {f"{OPTIMIZER}{name}": vector for name, vector in state.optimizer.items()}
    return save(
        {**network.parameters, **tensors}, {METADATA_KEY: json.dumps(header, sort_keys=True)}
    )


def _read(path: str | Path) -> tuple[dict[str, str], Tensors]:
    if Path(path).is_dir():
        raise CheckpointError(f"{path}: must be a file, got a folder")
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.offset_keys()}


def _expected(header: Mapping[str, Any]) -> dict[str, str]:
    """Return the type and shape of each tensor that the header promises."""
    architecture, dtype = Architecture.from_dict(header["architecture"]), header["dtype"]
    shapes = architecture.parameter_shapes()
    size = sum(prod(shape) for shape in shapes.values())
    return (
        {name: f"{dtype} {shape}" for name, shape in shapes.items()}
        | {f"preprocessing.{name}": f"float32 {(architecture.inputs,)}" for name in STATISTICS}
        | {f"{OPTIMIZER}{name}": f"{dtype} {(size,)}" for name in header.get("optimizer", ())}
    )


def _compare(path: str | Path, expected: Mapping[str, str], found: Tensors) -> None:
    if unknown := sorted(found.keys() - expected.keys()):
        raise CheckpointError(f"{path}: tensors must be {sorted(expected)}, got also {unknown}")
    for name, wanted in expected.items():
        if name not in found:
            raise CheckpointError(f"{path}: tensor {name} must be there, got {sorted(found)}")
        got = f"{found[name].dtype} {found[name].shape}"
        if wanted != got:
            raise CheckpointError(f"{path}: tensor {name} must be {wanted}, got {got}")
        if not np.isfinite(found[name]).all():
            raise CheckpointError(
                f"{path}: tensor {name} must be finite, got infinity or no number"
            )
