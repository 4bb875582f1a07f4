"""The trained network as an MLflow model: weights, a small loader, no pickled object.

The loader is the package `studyhall.model`, packed beside the weights, so that the model loads and
predicts wherever there are MLflow, NumPy and safetensors. It is packed under a name of its own: a
process that loads the model can still import an installed Studyhall, and a user's `model.py`. It is
one archive, from which Python imports as from a folder: a server takes each file of a run by a
request of its own.
"""

from __future__ import annotations

import hashlib
import shutil
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from studyhall import model
from studyhall.search.common.atomic_files import write_whole
from studyhall.search.common.manifest import MANIFEST, damage, manifest
from studyhall.search.common.source_tree import MODEL
from studyhall.search.training.record import ARTIFACTS, INPUT_EXAMPLE, WEIGHTS

MODEL_FOLDER = "model"
WEIGHTS_IN_MODEL = f"data/{WEIGHTS}"
WEIGHTS_FILE = f"{MODEL_FOLDER}/{WEIGHTS_IN_MODEL}"  # among the files of a run
CODE = "code/model.zip"
_PACKED_NAME = "studyhall_model"
_PACKAGES = ("mlflow", "numpy", "safetensors")


def lay_out(folder: Path) -> str:
    """Complete a record's artifacts by the MLflow model, and SHA256SUMS of them all.

    Artifacts that are complete already stay as they are, so that a record which is uploaded again
    is the same: a model that is written anew has another id and another time.

    Returns:
        The SHA-256 of SHA256SUMS.

    Raises:
        OSError: the disk does not take it.
    """
    artifacts = folder / ARTIFACTS
    if damage(artifacts):
        (artifacts / MANIFEST).unlink(missing_ok=True)
        write_model(folder)
        write_whole(artifacts / MANIFEST, manifest(artifacts))
    return hashlib.sha256((artifacts / MANIFEST).read_bytes()).hexdigest()


def write_model(folder: Path) -> None:
    """Write the MLflow model of a trial's record among its artifacts, if it has weights.

    The model takes raw examples, uint8 images (N, height, width, channels) or float32 points
    (N, 2), so that preprocessing cannot be forgotten, and answers {"label": int64 (N,),
    "probability": float32 (N, classes)}.
    """
    weights = folder / WEIGHTS
    if not weights.exists():
        return
    from mlflow.models import Model, ModelSignature
    from mlflow.models.model import MLMODEL_FILE_NAME

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of type hints of its own
        from mlflow.pyfunc import CODE as MLFLOW_CODE
        from mlflow.pyfunc import FLAVOR_NAME, save_model
    from mlflow.types import Schema, TensorSpec

    example = np.load(folder / INPUT_EXAMPLE, allow_pickle=False)
    classes = len(model.load_checkpoint(weights).classes)
    path = folder / ARTIFACTS / MODEL_FOLDER
    shutil.rmtree(path, ignore_errors=True)
    described = Model()
    save_model(
        path,
        mlflow_model=described,
        loader_module=f"{_PACKED_NAME}.serving",
        data_path=str(weights.parent),
        signature=ModelSignature(
            inputs=Schema([TensorSpec(example.dtype, (-1, *example.shape[1:]))]),
            outputs=Schema(
                [
                    TensorSpec(np.dtype(np.int64), (-1,), name="label"),
                    TensorSpec(np.dtype(np.float32), (-1, classes), name="probability"),
                ]
            ),
        ),
        input_example=example,
        pip_requirements=[f"{package}=={version(package)}" for package in _PACKAGES],
    )
    _pack_code(path / CODE)
    described.flavors[FLAVOR_NAME][MLFLOW_CODE] = CODE
    described.save(str(path / MLMODEL_FILE_NAME))


def _pack_code(archive: Path) -> None:
    """Pack the loader, with the same bytes each time, for a record that is uploaded again."""
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        for module in sorted(MODEL.rglob("*.py")):
            name = f"{_PACKED_NAME}/{module.relative_to(MODEL).as_posix()}"
            packed.writestr(zipfile.ZipInfo(name), module.read_bytes(), zipfile.ZIP_DEFLATED)
