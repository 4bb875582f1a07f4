"""How the weights start; biases start at zero."""

from collections.abc import Callable

import numpy as np

from .arrays import FloatArray

Initializer = Callable[[tuple[int, ...], np.random.Generator, float | None], FloatArray]


def normal(
    shape: tuple[int, ...], generator: np.random.Generator, scale: float | None
) -> FloatArray:
    """Return scale · N(0, 1) of the shape, in float64.

    Raises:
        ValueError: no scale, or one that is not above 0.
    """
    if scale is None or not 0 < scale < float("inf"):
        raise ValueError(f"scale: must be above 0 for the initializer 'normal', got {scale}")
    return scale * generator.standard_normal(shape)


def he(shape: tuple[int, ...], generator: np.random.Generator, scale: float | None) -> FloatArray:
    """Return sqrt(2 / inputs) · N(0, 1) of the shape (inputs, outputs), in float64.

    Keeps the variance of the activations the same from layer to layer behind ReLU: He et al.,
    "Delving Deep into Rectifiers" (2015), section 2.2, equation 10.

    Raises:
        ValueError: a scale, which the shape alone decides.
    """
    _refuse_scale("he", scale)
    return float(np.sqrt(2 / shape[0])) * generator.standard_normal(shape)


def glorot(
    shape: tuple[int, ...], generator: np.random.Generator, scale: float | None
) -> FloatArray:
    """Return U(-a, a) of the shape (inputs, outputs), a = sqrt(6 / (inputs + outputs)), in float64.

    Keeps the variance of activations and of gradients about the same from layer to layer behind
    tanh and, less well, sigmoid: Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks" (2010), section 4.2.1, equation 16.

    Raises:
        ValueError: a scale, which the shape alone decides.
    """
    _refuse_scale("glorot", scale)
    limit = float(np.sqrt(6 / (shape[0] + shape[1])))
    return generator.uniform(-limit, limit, shape)


def _refuse_scale(name: str, scale: float | None) -> None:
    if scale is not None:
        raise ValueError(f"scale: must be left out for the initializer '{name}', got {scale}")


INITIALIZERS: dict[str, Initializer] = {"normal": normal, "he": he, "glorot": glorot}
