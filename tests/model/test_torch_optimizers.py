"""Every optimizer and schedule against its twin in PyTorch, in float64.

Where the conventions differ:

- Momentum and Nesterov: our velocity has the learning rate inside, as the papers write it, and
  PyTorch's outside, as a factor of the step. The two agree as long as the learning rate stays the
  same, which is why it does here.
- `averaged` momentum is PyTorch's plain one at (1 - beta) times the learning rate: an average
  v <- beta v + (1 - beta) g is (1 - beta) times the sum b <- beta b + g. PyTorch's `dampening` is
  not it, because PyTorch takes the first gradient undampened.
- Weight decay: ours is decoupled from the gradient in every optimizer, and spares biases. PyTorch
  decouples it in AdamW alone (in plain SGD both come to the same); elsewhere its `weight_decay` is
  our L2 penalty, which is part of the gradients. Parameter groups keep it off the biases.
- epsilon: PyTorch adds it outside of the root, as ours does by default. `epsilon_inside` has no
  twin, so it is compared where epsilon is 0 and both places are the same; the rule itself is
  held by test_optimizers.py.
"""

import numpy as np
import pytest

from studyhall.model import Schedule, make_optimizer
from studyhall.model.parameters import ParameterVector

torch = pytest.importorskip("torch")
optim = torch.optim

STEPS, LEARNING_RATE, LIMIT = 50, 0.05, 1e-12
SHAPES = {"affine1.weight": (7, 5), "affine2.weight": (5, 3), "affine1.bias": (5,)}

CASES = {
    "sgd": ({}, optim.SGD, {}),
    "sgd-decay": ({"weight_decay": 0.3}, optim.SGD, {"weight_decay": 0.3}),
    "momentum": ({"momentum": 0.8}, optim.SGD, {"momentum": 0.8}),
    "momentum-none": ({"momentum": 0.0}, optim.SGD, {}),
    "momentum-averaged": (
        {"momentum": 0.8, "averaged": True},
        optim.SGD,
        {"momentum": 0.8, "lr": LEARNING_RATE * (1 - 0.8)},
    ),
    "nesterov": ({"momentum": 0.8}, optim.SGD, {"momentum": 0.8, "nesterov": True}),
    "adagrad": ({"epsilon": 1e-4}, optim.Adagrad, {"eps": 1e-4}),
    "rmsprop": ({"beta2": 0.9, "epsilon": 1e-4}, optim.RMSprop, {"alpha": 0.9, "eps": 1e-4}),
    "adam": (
        {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
        optim.Adam,
        {"betas": (0.8, 0.95), "eps": 1e-4},
    ),
    "adam-defaults": ({"epsilon": 1e-8}, optim.Adam, {}),
    "adamw": (
        {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4, "weight_decay": 0.3},
        optim.AdamW,
        {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.3},
    ),
    "adagrad-inside": ({"epsilon": 0, "epsilon_inside": True}, optim.Adagrad, {"eps": 0}),
    "rmsprop-inside": (
        {"beta2": 0.9, "epsilon": 0, "epsilon_inside": True},
        optim.RMSprop,
        {"alpha": 0.9, "eps": 0},
    ),
    "adam-inside": ({"epsilon": 0, "epsilon_inside": True}, optim.Adam, {"eps": 0}),
    "adamw-inside": (
        {"epsilon": 0, "epsilon_inside": True, "weight_decay": 0.3},
        optim.AdamW,
        {"eps": 0, "weight_decay": 0.3},
    ),
}


def twin(vector, build, options):
    """PyTorch's optimizer over copies of the parameters, with decay for the weights alone."""
    copies = {name: torch.tensor(views.value) for name, views in vector.named.items()}
    groups = [
        {"params": [copy for copy in copies.values() if copy.ndim > 1]},
        {"params": [copy for copy in copies.values() if copy.ndim == 1], "weight_decay": 0.0},
    ]
    return copies, build(groups, **{"lr": LEARNING_RATE, **options})


def descend(vector, optimizer, copies, other, generator):
    """Take one step on both sides, down a bowl with noise; the bowl keeps values of order 1."""
    for name, (value, gradient) in vector.named.items():
        gradient[...] = value + generator.normal(size=value.shape)
        copies[name].grad = torch.tensor(gradient)
    optimizer.step(LEARNING_RATE)
    other.step()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_fifty_steps(case, seed):
    settings, build, options = CASES[case]
    generator, vector = np.random.default_rng(seed), ParameterVector(SHAPES, np.float64)
    vector.values[...] = generator.normal(size=vector.values.size)
    optimizer = make_optimizer(case.partition("-")[0], settings)
    optimizer.bind(vector)
    start, (copies, other) = vector.values.copy(), twin(vector, build, options)
    for step in range(1, STEPS + 1):
        descend(vector, optimizer, copies, other, generator)
        for name, (value, _) in vector.named.items():
            np.testing.assert_allclose(value, copies[name], rtol=0, atol=LIMIT, err_msg=f"{step}")
    assert 0.01 < np.abs(vector.values - start).max() < 10
    assert np.abs(vector.values).max() < 10


EPOCH, TOTAL = 4, 24  # iterations


def rates_of(build, every=1):
    """The learning rate of each iteration under a scheduler that steps after so many of them."""
    optimizer = optim.SGD([torch.zeros(1)], lr=0.2)
    scheduler, rates = build(optimizer), []
    for iteration in range(1, TOTAL + 1):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        if iteration % every == 0:
            scheduler.step()
    return rates


def warm(optimizer):
    """Five iterations, the first at a fifth of the rate; PyTorch counts those after the first."""
    return optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / 5, total_iters=4)


SCHEDULES = {
    "exponential": (Schedule(0.2, 0.7), lambda o: optim.lr_scheduler.ExponentialLR(o, 0.7), EPOCH),
    "step": (
        Schedule(0.2, 0.7, "step", step_epochs=2),
        lambda o: optim.lr_scheduler.StepLR(o, 2, 0.7),
        EPOCH,
    ),
    "cosine": (
        Schedule(0.2, kind="cosine"),
        lambda o: optim.lr_scheduler.CosineAnnealingLR(o, TOTAL),
        1,
    ),
    "warm-up": (Schedule(0.2, warmup_iterations=5), warm, 1),
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_schedule(case):
    schedule, build, every = SCHEDULES[case]
    ours = [schedule.rate(iteration, EPOCH, TOTAL) for iteration in range(TOTAL)]
    # PyTorch computes each rate from the one before, so that it gathers rounding on the way.
    np.testing.assert_allclose(ours, rates_of(build, every), rtol=0, atol=1e-14)
