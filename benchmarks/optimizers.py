"""How fast is one training step with each optimizer, against PyTorch?

A step of S2's 784-300-300-10 ReLU network, float32, with 100 images: gather the minibatch, pixels
to 0 to 1, forward, loss, accuracy of the minibatch, backward, update. All contenders run on one
thread, in this process, in turns; a figure is the median over the rounds, a ratio the median of
each round's ratio.

- studyhall: `model`, from uint8 images, scaled batch by batch.
- pytorch: nn.Linear, ReLU, CrossEntropyLoss and the optimizer of `torch.optim` as its documentation
  calls it; float32 images, scaled beforehand, gathered by index_select. It counts no correct
  answers. Both are gifts to the peer.
- pytorch_fused: the same with fused=True, PyTorch's compiled kernels; it has none for RMSprop.

NumPy uses the kernels that OpenBLAS picks for the processor or that OPENBLAS_CORETYPE names. Images
are synthetic, and both networks start from the same weights. Needs 1 GB of memory and about a
minute. The last line is JSON.
"""

import json
import os
import sys
from collections.abc import Callable
from itertools import pairwise, repeat
from statistics import median
from time import perf_counter
from typing import Any

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"  # BLAS libraries read it once, when NumPy and PyTorch load them

import numpy as np  # noqa: E402

from studyhall import model  # noqa: E402

try:
    import torch
except ImportError:
    sys.exit("benchmarks/optimizers.py: needs PyTorch; pip install 'studyhall[benchmarks]'")

IMAGES, WIDTHS, BATCH = 60_000, (784, 300, 300, 10), 100
ROUNDS, STEPS = 15, 50

# S2's settings: ours, and the same ones in PyTorch's words.
OPTIMIZERS: dict[str, tuple[float, dict[str, float], type, dict[str, Any]]] = {
    "sgd": (0.1, {}, torch.optim.SGD, {}),
    "adagrad": (0.001, {"epsilon": 1e-7}, torch.optim.Adagrad, {"eps": 1e-7}),
    "rmsprop": (0.001, {"epsilon": 1e-7}, torch.optim.RMSprop, {"alpha": 0.999, "eps": 1e-7}),
    "momentum": (0.001, {"momentum": 0.9}, torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (0.001, {"momentum": 0.9}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (0.001, {"epsilon": 1e-7}, torch.optim.Adam, {"eps": 1e-7}),
}
UNFUSED = {"rmsprop"}

Step = Callable[[], float]


def build_network() -> model.Network:
    """Return the network with S2's initial weights."""
    network = model.Network(model.Architecture(WIDTHS[0], WIDTHS[1:-1], WIDTHS[-1]))
    network.initialize("normal", np.random.default_rng(0), scale=0.01)
    return network


def studyhall(images: np.ndarray, labels: np.ndarray, name: str) -> Step:
    """Return a step as `model.train` takes it."""
    network, generator = build_network(), np.random.default_rng(1)
    learning_rate, settings, _, _ = OPTIMIZERS[name]
    optimizer = model.make_optimizer(name, settings)
    optimizer.bind(network.vector)
    indices = np.arange(IMAGES)
    preprocessing = model.Preprocessing.fit(images, indices, "unit")
    batches = model.Batches(
        images, labels, indices, preprocessing, BATCH, generator, "with_replacement"
    )
    minibatches = (batch for epoch in repeat(batches.epoch) for batch in epoch())

    def step() -> float:
        loss = network.loss_and_gradients(*next(minibatches))
        optimizer.step(learning_rate)
        return loss

    return step


def build_torch_network() -> torch.nn.Sequential:
    """Return the network with the same weights, in PyTorch."""
    ours, layers = build_network(), []
    for number, (inputs, outputs) in enumerate(pairwise(WIDTHS), start=1):
        linear = torch.nn.Linear(inputs, outputs)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(ours.parameters[f"affine{number}.weight"].T))
            linear.bias.zero_()
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def pytorch(images: torch.Tensor, labels: torch.Tensor, name: str, **options: bool) -> Step:
    """Return a step as PyTorch's own tutorials write it."""
    learning_rate, _, build, settings = OPTIMIZERS[name]
    network = build_torch_network()
    optimizer = build(network.parameters(), lr=learning_rate, **settings, **options)
    criterion = torch.nn.CrossEntropyLoss()

    def step() -> float:
        rows = torch.randint(IMAGES, (BATCH,))
        optimizer.zero_grad()
        loss = criterion(network(images.index_select(0, rows)), labels.index_select(0, rows))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def steps_per_second(step: Step) -> float:
    """Return how many steps a second takes, from a few in a row."""
    start = perf_counter()
    for _ in range(STEPS):
        step()
    return STEPS / (perf_counter() - start)


def compare(contenders: dict[str, Step]) -> dict[str, float]:
    """Time the contenders in turns, studyhall first, after a round that does not count."""
    rounds = [
        {name: steps_per_second(step) for name, step in contenders.items()}
        for _ in range(ROUNDS + 1)
    ][1:]
    speeds = {f"{name}_per_second": median(row[name] for row in rounds) for name in contenders}
    ratios = {
        f"times_{name}": median(row["studyhall"] / row[name] for row in rounds)
        for name in contenders
        if name != "studyhall"
    }
    return {name: round(value, 3) for name, value in {**speeds, **ratios}.items()}


def measure() -> dict[str, dict[str, float]]:
    """Return the comparison for each optimizer."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(IMAGES, WIDTHS[0]), dtype=np.uint8)
    labels = generator.integers(WIDTHS[-1], size=IMAGES)
    scaled, classes = torch.from_numpy(images / np.float32(255)), torch.from_numpy(labels)
    found = {}
    for name in OPTIMIZERS:
        contenders = {
            "studyhall": studyhall(images, labels, name),
            "pytorch": pytorch(scaled, classes, name),
        }
        if name not in UNFUSED:
            contenders["pytorch_fused"] = pytorch(scaled, classes, name, fused=True)
        found[name] = compare(contenders)
    return found


def main() -> None:
    """Print the comparison as one JSON line."""
    print(json.dumps({"benchmark": "optimizers", "threads": 1, "optimizers": measure()}))


if __name__ == "__main__":
    main()
