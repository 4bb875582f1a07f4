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
# needs few, and must not take longer: what is bounded is the work, parameters times steps.
STEPS, FEWEST_STEPS, WORK = 1000, 10, 80_000_000
# Whatever the scale of the inputs, one of these suits a network that can learn at all; the first
# suits most.
LEARNING_RATES = (1e-2, 1e-1, 1e-3, 1e-4)
CHECKED_EXAMPLES, CHECKED_ENTRIES, FEWEST_ENTRIES = 3, 20, 3
CHECKED_WORK = 20_000_000
# A single output on ten examples may by chance cost a fifth of a guess, or almost five of them.
GUESSES = 5


@dataclass(frozen=True)
class Finding:
    """One check: what should be, what was found, and whether that will do."""

    name: str
    passed: bool
    detail: str


def check_sanity(network: Network, inputs: FloatArray, labels: Labels) -> list[Finding]:
    """Find out whether a network can learn, from ten examples or so.

    Args:
        network: freshly initialized, float32 or float64, without dropout; it is left as it was.
        inputs: preprocessed examples (examples, inputs), of the network's type.
        labels: their classes (examples,).

    Returns:
        Up to three findings: the loss before training is near that of a guess (left out for the
        squared error, which has no such number); analytic and numeric gradients agree; if these
        pass, the examples can be learned by heart.

    Raises:
        ValueError: the network has dropout, or the examples do not fit it.
    """
    with np.errstate(all="ignore"):
        # First, because it refuses dropout, before anything is drawn for its masks.
        few = slice(CHECKED_EXAMPLES)
        gradients = _gradients(network, inputs[few], labels[few])
        found = [*_initial_loss(network, inputs, labels), gradients]
        # A network that fails so far is refused; that it cannot learn either takes longest to see.
        if all(finding.passed for finding in found):
            found.append(_overfits(network, inputs, labels))
        return found


def _initial_loss(network: Network, inputs: FloatArray, labels: Labels) -> list[Finding]:
    """Compare with the loss of a guess."""
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
    detail = f"must be from {lowest:.3g} to {highest:.3g}, a guess costing {guess:.3g}"
    passed = bool(lowest <= loss <= highest)
    return [Finding("initial loss", passed, f"{detail}, got {loss:.4g}")]


def _overfits(network: Network, inputs: FloatArray, labels: Labels) -> Finding:
    start, fewest = network.vector.values.copy(), len(inputs)
    for learning_rate in LEARNING_RATES:
        network.vector.values[...] = start
        fewest = min(fewest, _wrong_after(network, inputs, labels, learning_rate))
        if fewest == 0:
            break
    network.vector.values[...] = start
    detail = f"must learn {len(inputs)} examples by heart, got {fewest} wrong"
    return Finding("overfits", fewest == 0, detail)


def _wrong_after(network: Network, inputs: FloatArray, labels: Labels, learning_rate: float) -> int:
    """Return how many examples are still wrong when training stops."""
    optimizer = Adam()
    optimizer.bind(network.vector)
    size = len(network.vector.values)
    for _ in range(min(STEPS, max(FEWEST_STEPS, WORK // size))):
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
    compared = joined("all", check_network(twin, inputs, labels, entries=entries))
    detail = f"must agree with numeric ones, got the ratio {compared.norm_ratio:.2g}"
    return Finding("gradients", compared.passed, f"{detail} ({compared.verdict})")
