"""What MLflow calls to serve a checkpoint; it needs this package, NumPy and safetensors alone."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import RawArray
from .checkpoint import load_checkpoint
from .classifier import Classifier

MODEL_FILE = "model.safetensors"


class ServedClassifier:
    """A classifier behind the interface of MLflow's Python models."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def predict(
        self, model_input: Any, params: dict[str, Any] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Classify raw examples.

        Args:
            model_input: (N, *example_shape) of any type that `numpy.asarray` understands: whole
                numbers from 0 to 255 for images, finite numbers otherwise.
            params: accepted because MLflow passes it; there are none.

        Returns:
            "label": class numbers, int64 (N,); "probability": float32 (N, classes).

        Raises:
            ValueError: the input is anything else.
        """
        as_raw = _as_bytes if self.classifier.example_dtype == np.uint8 else _as_numbers
        logits = self.classifier.logits(as_raw(model_input))
        loss = self.classifier.network.loss_function
        # Not the largest probability: far from 0 two sigmoids round to 1, and the first would win.
        return {
            "label": loss.predict(logits).astype(np.int64),
            "probability": loss.probabilities(logits).astype(np.float32),
        }


def _load_pyfunc(path: str) -> ServedClassifier:
    """Load the classifier of the folder `path`; the name is the one that MLflow looks for."""
    return ServedClassifier(load_checkpoint(Path(path) / MODEL_FILE))


def _as_bytes(values: Any) -> RawArray:
    """Return the values as uint8, refusing all that a plain cast would change silently."""
    array = np.asarray(values)
    if array.dtype == np.uint8:
        return array
    rule = "images: must be whole numbers from 0 to 255"
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{rule}, got type {array.dtype}")
    wrong = array[~((array >= 0) & (array <= 255) & (array == np.floor(array)))]
    if wrong.size:
        raise ValueError(f"{rule}, got {wrong.flat[0]}")
    return array.astype(np.uint8)


def _as_numbers(values: Any) -> RawArray:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"examples: must be numbers, got type {array.dtype}")
    return array.astype(np.float32)
