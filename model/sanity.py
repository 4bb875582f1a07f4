"""Three things that any network can do which is put together rightly, found out in an instant.

They are the checks before learning that Karpathy gives in "CS231n: Neural Networks part 3",
Stanford, section "Before learning: sanity checks Tips/Tricks".
"""

from dataclasses import dataclass
from math import log

import numpy as np

from .adaptive import Adam
from .arrays import FloatArray
from .comparison import joined
from .gradient_check import check_network
from .labels import Labels
from .network import Network

EXAMPLES = 10
# Two layers of sigmoids with small weights sit on a plateau for hundreds of steps. A wide network
# needs few, and must not take longer: what is bounded is the work, parameters times steps, and the
# layers that the steps pass.
STEPS, FEWEST_STEPS, WORK, LAYERS_PASSED = 1000, 10, 80_000_000, 20_000
# Whatever the scale of the inputs, one of these suits a network that can learn at all; the first
# suits most.
LEARNING_RATES = (1e-2, 1e-1, 1e-3, 1e-4)
CHECKED_EXAMPLES, CHECKED_ENTRIES, FEWEST_ENTRIES = 3, 20, 3
CHECKED_WORK, CHECKED_IN_ALL = 20_000_000, 400
# A single output on ten examples may by chance cost a fifth of a guess, or almost five of them.
GUESSES = 5
# Inputs with a root mean square above this were not scaled, and may alone make the loss large.
UNSCALED = 2.0
# A single ReLU unit may be silent for one pair of examples.
PAIRS = 4
# Gradients below this are no more than rounding.
ROUNDING = 1e-8


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        name: what was checked.
        passed: whether it will do.
        detail: what should be, and what was found.
        unscaled: whether the network fails for want of scaled inputs alone.
    """

    name: str
    passed: bool
    detail: str
    unscaled: bool = False


def check_sanity(network: Network, inputs: FloatArray, labels: Labels) -> list[Finding]:
    """Find out whether a network can learn, from ten examples or so.

    Args:
        network: freshly initialized, float32 or float64, without dropout; it is left as it was.
        inputs: preprocessed examples (examples, inputs), of the network's type, no two the same.
        labels: their classes (examples,).

    Returns:
        Up to three findings: the loss before training is near that of a guess (left out for the
        squared error, which has no such number); analytic and numeric gradients agree; if these
        pass, the examples can be learned by heart, or two of them where a layer or an example has
        fewer numbers than there are examples, which no network may then be able to tell apart.

    Raises:
        ValueError: the network has dropout, or the examples do not fit it.
    """
    with np.errstate(all="ignore"):
        # First, because it refuses dropout, before anything is drawn for its masks.
        few = slice(CHECKED_EXAMPLES)
        scaled = _scaled(inputs)
        gradients = _gradients(network, scaled[few], labels[few])
        found = [*_initial_loss(network, inputs, scaled, labels), gradients]
        # A network that fails so far is refused; that it cannot learn either takes longest to see.
        if all(finding.passed for finding in found):
            found.append(_overfits(network, inputs, labels))
        return found


def _scaled(inputs: FloatArray) -> FloatArray:
    """Divide inputs that were not scaled by their root mean square."""
    size = np.sqrt(np.mean(np.square(inputs, dtype=np.float64)))
    return (inputs / size).astype(inputs.dtype) if size > UNSCALED else inputs


def _initial_loss(
    network: Network, inputs: FloatArray, scaled: FloatArray, labels: Labels
) -> list[Finding]:
    """Compare with the loss of a guess; a loss is too high only if it is so on scaled inputs."""
    outputs = network.architecture.outputs
    guesses = {
        "softmax_cross_entropy": log(outputs),
        "sigmoid_cross_entropy": outputs * log(2),
    }
    guess = guesses.get(network.architecture.loss)
    if guess is None:
        return []
    loss = network.loss(inputs, labels)
    lowest, highest = guess / GUESSES, guess * GUESSES
    if not loss <= highest:
        loss = network.loss(scaled, labels)
    detail = f"must be from {lowest:.3g} to {highest:.3g}, a guess costing {guess:.3g}"
    passed = bool(lowest <= loss <= highest)
    return [Finding("initial loss", passed, f"{detail}, got {loss:.4g}")]


def _overfits(network: Network, inputs: FloatArray, labels: Labels) -> Finding:
    count = len(inputs)
    wrong = _fewest_wrong(network, inputs, labels)
    if wrong and min(inputs.shape[1], *network.architecture.hidden, count) < count:
        count, wrong = 2, min(_fewest_wrong(network, inputs[p], labels[p]) for p in _pairs(labels))
    detail = f"must learn {count} examples by heart, got {wrong} wrong"
    if wrong and _scaled(inputs) is not inputs:
        standard = (inputs - inputs.mean(axis=0)) / np.maximum(inputs.std(axis=0), 1e-6)
        if not _overfits(network, standard, labels).passed:
            return Finding("overfits", False, detail)
        return Finding(
            "overfits", False, f"{detail}, but none once the inputs are standardized", True
        )
    return Finding("overfits", wrong == 0, detail)


def _pairs(labels: Labels) -> list[list[int]]:
    """Return the positions of the first example beside each of a few of other classes."""
    others = np.flatnonzero(labels != labels[0])[:PAIRS].tolist()
    return [[0, other] for other in others or [len(labels) - 1]]


def _fewest_wrong(network: Network, inputs: FloatArray, labels: Labels) -> int:
    """Return how many examples the best learning rate leaves wrong, and restore the network."""
    start, fewest = network.vector.values.copy(), len(inputs)
    for learning_rate in LEARNING_RATES:
        network.vector.values[...] = start
        fewest = min(fewest, _wrong_after(network, inputs, labels, learning_rate))
        if fewest == 0:
            break
    network.vector.values[...] = start
    return fewest


def _wrong_after(network: Network, inputs: FloatArray, labels: Labels, learning_rate: float) -> int:
    """Return how many examples are still wrong when training stops."""
    optimizer = Adam()
    optimizer.bind(network.vector)
    affordable = min(WORK // len(network.vector.values), LAYERS_PASSED // len(network.layers))
    for _ in range(min(STEPS, max(FEWEST_STEPS, affordable))):
        loss = network.loss_and_gradients(inputs, labels)
        if network.correct == len(inputs) or not np.isfinite(loss):
            break
        optimizer.step(learning_rate)
    return len(inputs) - network.correct


def _gradients(network: Network, inputs: FloatArray, labels: Labels) -> Finding:
    twin = Network(network.architecture, np.float64)
    twin.vector.values[...] = network.vector.values
    inputs = inputs.astype(np.float64)
    size = len(twin.vector.values)
    entries = min(CHECKED_ENTRIES, max(FEWEST_ENTRIES, CHECKED_WORK // size))
    entries = min(entries, max(1, CHECKED_IN_ALL // len(twin.parameters)))
    compared = joined("all", check_network(twin, inputs, labels, entries=entries))
    detail = f"must agree with numeric ones, got the ratio {compared.norm_ratio:.2g}"
    vanishing = max(map(np.linalg.norm, (compared.analytic, compared.numeric))) < ROUNDING
    passed = compared.passed or bool(vanishing)
    return Finding("gradients", passed, f"{detail} ({compared.verdict})")
