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
    if scale is None or not scale > 0:
        raise ValueError(f"scale: must be above 0 for the initializer 'normal', got {scale}")
    return scale * generator.standard_normal(shape)


def he(shape: tuple[int, ...], generator: np.random.Generator, scale: float | None) -> FloatArray:
    """Return sqrt(2 / inputs) · N(0, 1) of the shape (inputs, outputs), in float64.

    Keeps the variance of the activations the same from layer to layer behind ReLU: He et al.,
    "Delving Deep into Rectifiers" (2015), section 2.2, equation 10.

    Raises:
        ValueError: a scale, which the shape alone decides.
    """
    if scale is not None:
        raise ValueError(f"scale: must be left out for the initializer 'he', got {scale}")
    return float(np.sqrt(2 / shape[0])) * generator.standard_normal(shape)


INITIALIZERS: dict[str, Initializer] = {"normal": normal, "he": he}
