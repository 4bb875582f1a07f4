"""Analytic gradients beside numeric ones, for any layer, loss or network, in float64."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .activations import ReLU
from .arrays import FloatArray
from .comparison import Comparison
from .dropout import Dropout
from .labels import Labels
from .layers import Layer
from .losses import Loss
from .network import Network

# The error of a central difference is about step² from the curvature and 1e-16 / step from
# rounding; their sum is least near the first. The others are for entries that sit on a kink.
STEPS = (1e-5, 1e-6, 1e-7)


def numeric_gradient(
    function: Callable[[], float], array: FloatArray, step: float = STEPS[0]
) -> FloatArray:
    """Return d function() / d array by central differences, in the shape of the array.

    The function reads the array, whose entries are moved by ± step one at a time and put back.

    Raises:
        ValueError: the array is not float64; float32 rounds the differences away.
    """
    _require_float64(array)
    slopes = [_slope(function, array, index, step) for index in np.ndindex(array.shape)]
    return np.array(slopes).reshape(array.shape)


def check_layer(
    layer: Layer, inputs: FloatArray, generator: np.random.Generator
) -> list[Comparison]:
    """Compare the gradients of a layer's inputs (batch, inputs) and of each of its parameters.

    The function differentiated is the sum of the outputs, each times a random number, because a
    plain sum would hide outputs that are mixed up.

    Raises:
        ValueError: the layer is dropout, or the inputs are not float64.
    """
    if isinstance(layer, Dropout):
        _refuse_dropout(layer.rate)
    output_gradient = generator.standard_normal(layer.forward(inputs).shape)
    layer.parameter_gradients(output_gradient)
    analytic = {"inputs": layer.input_gradient(output_gradient).copy()}
    arrays = {"inputs": inputs}
    for name, parameter in layer.parameters.items():
        analytic[name], arrays[name] = parameter.gradient.copy(), parameter.value

    def function() -> float:
        return float((layer.forward(inputs) * output_gradient).sum())

    pattern = _firing([layer])
    return [
        _compare(name, function, arrays[name], analytic[name], pattern=pattern) for name in arrays
    ]


def check_loss(loss: Loss, logits: FloatArray, labels: Labels) -> Comparison:
    """Compare the gradients of a loss by its logits (batch, outputs)."""
    analytic = loss.value_and_gradient(logits, labels)[1].copy()
    return _compare("logits", lambda: loss.value(logits, labels), logits, analytic)


def check_network(
    network: Network,
    inputs: FloatArray,
    labels: Labels,
    l2: float = 0.0,
    *,
    entries: int | None = None,
    generator: np.random.Generator | None = None,
) -> list[Comparison]:
    """Compare the gradients of every parameter of a network; leaves its parameters as they were.

    Args:
        network: in float64, without dropout.
        inputs: preprocessed examples (batch, inputs).
        labels: theirs.
        l2: strength of the penalty.
        entries: how many entries of each parameter to compare, drawn at random; None for all, which
            takes two passes through the network each.
        generator: where they are drawn from.

    Raises:
        ValueError: the network has dropout, whose loss is another at every pass, or is not in
            float64.
    """
    if any(network.architecture.dropouts):
        _refuse_dropout(max(network.architecture.dropouts))
    network.loss_and_gradients(inputs, labels, l2)
    analytic = {name: gradient.copy() for name, gradient in network.gradients.items()}
    pattern = _firing(network.layers)

    def function() -> float:
        return network.loss(inputs, labels, l2)

    chosen = _choose(network.parameters, entries, generator or np.random.default_rng(0))
    return [
        _compare(name, function, value, analytic[name], chosen[name], pattern)
        for name, value in network.parameters.items()
    ]


def _firing(layers: Sequence[Layer]) -> Callable[[], bytes]:
    """Return a function that tells which ReLU units fired in the last forward pass."""
    relus = [layer for layer in layers if isinstance(layer, ReLU)]
    return lambda: b"".join(np.packbits(layer.outputs > 0).tobytes() for layer in relus)


def _choose(
    arrays: Mapping[str, FloatArray], entries: int | None, generator: np.random.Generator
) -> dict[str, NDArray[np.int64] | None]:
    return {
        name: None
        if entries is None or entries >= array.size
        else np.sort(generator.choice(array.size, entries, replace=False, shuffle=False))
        for name, array in arrays.items()
    }


def _compare(
    name: str,
    function: Callable[[], float],
    array: FloatArray,
    analytic: FloatArray,
    chosen: NDArray[np.int64] | None = None,
    pattern: Callable[[], bytes] | None = None,
) -> Comparison:
    """Compare all entries, or the chosen ones of the flat array, at which there is a derivative."""
    _require_float64(array)
    places = range(array.size) if chosen is None else chosen
    found = [(int(i), _smooth_slope(function, array, int(i), pattern)) for i in places]
    smooth = [place for place, slope in found if slope is not None]
    slopes = np.array([slope for _, slope in found if slope is not None])
    if len(smooth) == array.size:
        return Comparison(name, analytic, slopes.reshape(array.shape))
    return Comparison(name, analytic.ravel()[smooth], slopes, len(found) - len(smooth))


def _smooth_slope(
    function: Callable[[], float],
    array: FloatArray,
    place: int,
    pattern: Callable[[], bytes] | None,
) -> float | None:
    """Return the slope over the widest step that no ReLU switches within; None if one always does.

    A slope that is not a number is no kink, but a mistake to be shown.
    """
    index = tuple(int(i) for i in np.unravel_index(place, array.shape))
    for step in STEPS:
        seen: list[bytes] = []

        def watched(seen: list[bytes] = seen) -> float:
            value = function()
            seen.append(pattern() if pattern else b"")
            return value

        slope = _slope(watched, array, index, step)
        if seen[0] == seen[1]:
            return slope
    return None


def _slope(
    function: Callable[[], float], array: FloatArray, index: tuple[int, ...], step: float
) -> float:
    original = array[index]
    array[index] = original + step
    above = function()
    array[index] = original - step
    below = function()
    array[index] = original
    return (above - below) / (2 * step)


def _require_float64(array: FloatArray) -> None:
    if array.dtype != np.float64:
        raise ValueError(f"gradient check: needs float64, got {array.dtype}")


def _refuse_dropout(rate: float) -> None:
    raise ValueError(
        f"gradient check: needs a loss that is the same at every pass, got dropout {rate}; "
        f"check the network with dropout 0"
    )
