"""How fast is one training step, against PyTorch and against plain float64 NumPy?

A step of the 3072-H-10 network with 200 images: gather the minibatch, forward, loss with its L2
term, accuracy of the minibatch, backward, SGD update. Every contender runs on one thread, in this
process, in turns; a time is the median over the rounds, a ratio the median of each round's ratio.

- studyhall: `model`, float32, from uint8 images, the mean subtracted batch by batch.
- pytorch: nn.Linear, ReLU, CrossEntropyLoss, SGD with weight decay on the weights; float32 images,
  the mean subtracted beforehand, gathered by index_select. Its loss is read, as ours is, but
  without the L2 term, and it counts no correct answers: both are gifts to the peer.
- plain_float64: the code of the course write-ups; float64 images, the mean subtracted beforehand.

NumPy's two contenders use the same BLAS, with the kernels that OpenBLAS picks for the processor or
that OPENBLAS_CORETYPE names. Images are synthetic. Needs 2.5 GB of memory and about a minute. The
last line is JSON.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import repeat
from statistics import median
from time import perf_counter

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"  # BLAS libraries read it once, when NumPy and PyTorch load them

import numpy as np  # noqa: E402

from studyhall import model  # noqa: E402

try:
    import torch
except ImportError:
    sys.exit("benchmarks/training_steps.py: needs PyTorch; pip install 'studyhall[benchmarks]'")

IMAGES, INPUTS, CLASSES, BATCH = 50_000, 3072, 10, 200
LEARNING_RATE, L2 = 1e-3, 1e-3
HIDDEN = (50, 100, 200)
ROUNDS, STEPS = 15, 40

Step = Callable[[], float]


def studyhall(images: np.ndarray, labels: np.ndarray, hidden: int) -> Step:
    """Return a step as `model.train` takes it."""
    indices = np.arange(IMAGES)
    preprocessing = model.Preprocessing.fit(images, indices[:5_000], "mean_image")
    generator = np.random.default_rng(0)
    network = model.Network(model.Architecture(INPUTS, (hidden,), CLASSES))
    network.initialize("he", generator)
    optimizer = model.make_optimizer("sgd")
    optimizer.bind(network.vector)
    batches = model.Batches(
        images, labels, indices, preprocessing, BATCH, generator, "with_replacement"
    )
    minibatches = (batch for epoch in repeat(batches.epoch) for batch in epoch())

    def step() -> float:
        loss = network.loss_and_gradients(*next(minibatches), L2)
        optimizer.step(LEARNING_RATE)
        return loss

    return step


def pytorch(images: "torch.Tensor", labels: "torch.Tensor", hidden: int) -> Step:
    """Return a step as PyTorch's own tutorials write it."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, CLASSES)
    )
    biases = [p for p in network.parameters() if p.ndim == 1]
    weights = [p for p in network.parameters() if p.ndim > 1]
    groups = [{"params": weights, "weight_decay": L2}, {"params": biases}]
    optimizer = torch.optim.SGD(groups, lr=LEARNING_RATE)
    criterion = torch.nn.CrossEntropyLoss()

    def step() -> float:
        rows = torch.randint(IMAGES, (BATCH,))
        optimizer.zero_grad()
        loss = criterion(network(images.index_select(0, rows)), labels.index_select(0, rows))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def plain_float64(images: np.ndarray, labels: np.ndarray, hidden: int) -> Step:
    """Return a step as the course write-ups spell it out."""
    generator = np.random.RandomState(0)
    w1, b1 = 1e-4 * generator.randn(INPUTS, hidden), np.zeros(hidden)
    w2, b2 = 1e-4 * generator.randn(hidden, CLASSES), np.zeros(CLASSES)
    params = {"W1": w1, "b1": b1, "W2": w2, "b2": b2}

    def step() -> float:
        rows = generator.choice(IMAGES, BATCH)
        x, y = images[rows], labels[rows]
        h = np.maximum(0, x.dot(params["W1"]) + params["b1"])
        scores = h.dot(params["W2"]) + params["b2"]
        exps = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs = exps / exps.sum(axis=1, keepdims=True)
        loss = -np.log(probs[range(BATCH), y]).mean()
        loss += 0.5 * L2 * (np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2))
        dscores = probs
        dscores[range(BATCH), y] -= 1
        dscores /= BATCH
        dh = dscores.dot(params["W2"].T)
        dh[h <= 0] = 0
        grads = {
            "W1": x.T.dot(dh) + L2 * params["W1"],
            "b1": dh.sum(axis=0),
            "W2": h.T.dot(dscores) + L2 * params["W2"],
            "b2": dscores.sum(axis=0),
        }
        for name in params:
            params[name] -= LEARNING_RATE * grads[name]
        return float(loss)

    return step


def milliseconds(step: Step) -> float:
    """Return the mean time of a few steps in a row."""
    start = perf_counter()
    for _ in range(STEPS):
        step()
    return (perf_counter() - start) / STEPS * 1e3


def compare(contenders: dict[str, Step]) -> dict[str, float]:
    """Time the contenders in turns, studyhall first, after a round that does not count."""
    rounds = [
        {name: milliseconds(step) for name, step in contenders.items()} for _ in range(ROUNDS + 1)
    ][1:]
    times = {f"{name}_ms": median(row[name] for row in rounds) for name in contenders}
    ratios = {
        f"times_{name}": median(row[name] / row["studyhall"] for row in rounds)
        for name in contenders
        if name != "studyhall"
    }
    return {name: round(value, 3) for name, value in {**times, **ratios}.items()}


def measure() -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the comparison for each number of hidden units."""
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(IMAGES, INPUTS), dtype=np.uint8)
    labels = generator.integers(CLASSES, size=IMAGES)
    centred = images.astype(np.float32)
    centred -= images.mean(axis=0, dtype=np.float64).astype(np.float32)
    tensor, classes = torch.from_numpy(centred), torch.from_numpy(labels)
    wide = centred.astype(np.float64)
    for hidden in HIDDEN:
        yield (
            str(hidden),
            compare(
                {
                    "studyhall": studyhall(images, labels, hidden),
                    "pytorch": pytorch(tensor, classes, hidden),
                    "plain_float64": plain_float64(wide, labels, hidden),
                }
            ),
        )


def main() -> None:
    """Print the comparison as one JSON line."""
    print(json.dumps({"benchmark": "training_steps", "threads": 1, "hidden": dict(measure())}))


if __name__ == "__main__":
    main()
