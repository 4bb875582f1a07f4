"""One table of independent references drives every optimizer, convention by convention."""

import numpy as np
import pytest

from studyhall.model import OPTIMIZER_SETTINGS, OPTIMIZERS, make_optimizer
from studyhall.model.parameters import BLOCK_LENGTH, ParameterVector

LEARNING_RATE, BETA, BETA2, EPSILON, DECAY = 0.1, 0.8, 0.95, 1e-4, 0.3


class Reference:
    """The rules as their papers write them, in float64, with one number for each name."""

    def __init__(self, name, **settings):
        self.name, self.settings = name, settings
        self.v = self.h = 0.0
        self.t = 0

    def __call__(self, w, g):
        self.t += 1
        w = w * (1 - LEARNING_RATE * self.settings.get("weight_decay", 0))
        return w - getattr(self, self.name)(g)

    def sgd(self, g):
        return LEARNING_RATE * g

    def momentum(self, g):
        if self.settings.get("averaged"):
            self.v = BETA * self.v + (1 - BETA) * g
            return LEARNING_RATE * self.v
        self.v = BETA * self.v + LEARNING_RATE * g
        return self.v

    def nesterov(self, g):
        self.v = BETA * self.v + LEARNING_RATE * g
        return BETA * self.v + LEARNING_RATE * g

    def root(self, h):
        inside = self.settings.get("epsilon_inside")
        return np.sqrt(h + EPSILON) if inside else np.sqrt(h) + EPSILON

    def adagrad(self, g):
        self.h = self.h + g**2
        return LEARNING_RATE * g / self.root(self.h)

    def rmsprop(self, g):
        self.h = BETA2 * self.h + (1 - BETA2) * g**2
        return LEARNING_RATE * g / self.root(self.h)

    def adam(self, g):
        self.v = BETA * self.v + (1 - BETA) * g
        self.h = BETA2 * self.h + (1 - BETA2) * g**2
        corrected = self.h / (1 - BETA2**self.t)
        return LEARNING_RATE * self.v / (1 - BETA**self.t) / self.root(corrected)

    adamw = adam


VALUES = {
    "momentum": BETA,
    "averaged": True,
    "beta1": BETA,
    "beta2": BETA2,
    "epsilon": EPSILON,
    "epsilon_inside": True,
    "weight_decay": DECAY,
}
FLAGS = ("averaged", "epsilon_inside", "weight_decay")
CASES = [
    (name, flags)
    for name, allowed in OPTIMIZER_SETTINGS.items()
    for flags in [(), *((flag,) for flag in FLAGS if flag in allowed)]
]


def settings_of(name, flags=()):
    return {
        key: VALUES[key] for key in OPTIMIZER_SETTINGS[name] if key not in FLAGS or key in flags
    }


def bound(name, size, dtype=np.float64, flags=()):
    vector = ParameterVector({"weight": (size, 1)}, dtype)
    optimizer = make_optimizer(name, settings_of(name, flags))
    optimizer.bind(vector)
    return optimizer, vector


@pytest.mark.parametrize(("name", "flags"), CASES)
@pytest.mark.parametrize("size", [3, BLOCK_LENGTH + 3])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 3e-3), (np.float64, 1e-12)])
def test_fifty_steps_agree_with_the_reference(name, flags, size, dtype, rtol):
    generator = np.random.default_rng(0)
    optimizer, vector = bound(name, size, dtype, flags)
    vector.values[...] = w = generator.normal(size=size).astype(dtype)
    w, reference = w.astype(np.float64), Reference(name, **settings_of(name, flags))
    for _ in range(50):
        gradient = generator.normal(size=size).astype(dtype)
        vector.gradients[...] = gradient
        optimizer.step(LEARNING_RATE)
        w = reference(w, gradient.astype(np.float64))
    np.testing.assert_allclose(vector.values, w, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_are_left_as_they_were(name):
    optimizer, vector = bound(name, 4)
    vector.gradients[...] = [1, 2, 3, 4]
    optimizer.step(LEARNING_RATE)
    np.testing.assert_array_equal(vector.gradients, [1, 2, 3, 4])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_bowl_is_descended(name):
    optimizer, vector = bound(name, 4)
    vector.values[...] = 5
    for step in range(1, 2001):
        vector.gradients[...] = vector.values
        optimizer.step(2 / step**0.5 if name == "adagrad" else 20 / (100 + step))
    assert np.abs(vector.values).max() < 1e-2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_binding_again_forgets_the_past(name):
    optimizer, vector = bound(name, 4)
    vector.gradients[...] = 1
    optimizer.step(LEARNING_RATE)
    optimizer.bind(vector)
    assert optimizer.steps == 0
    assert not any(state.any() for state in optimizer.state.values())
    vector.values[...] = 0
    optimizer.step(LEARNING_RATE)
    np.testing.assert_allclose(vector.values, Reference(name)(0.0, 1.0))


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if "weight_decay" in OPTIMIZER_SETTINGS[n]])
def test_weight_decay_spares_the_biases_and_waits_for_no_gradient(name):
    vector = ParameterVector({"weight": (2, 2), "bias": (2,)}, np.float64)
    optimizer = make_optimizer(name, {"weight_decay": 0.5})
    optimizer.bind(vector)
    vector.values[...] = 2
    optimizer.step(0.1)
    np.testing.assert_allclose(vector.values, [1.9] * 4 + [2, 2])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sdg", {}, r"optimizer: must be one of \['sgd', 'momentum', .*\], got 'sdg'"),
        ("momentum", {"momentum": 1.0}, "momentum: must be at least 0 and below 1, got 1.0"),
        ("nesterov", {"momentum": -0.1}, "momentum: must be at least 0 and below 1, got -0.1"),
        ("rmsprop", {"beta2": 1.0}, "beta2: must be at least 0 and below 1, got 1.0"),
        ("adam", {"beta1": 1.0}, "beta1: must be at least 0 and below 1, got 1.0"),
        ("adagrad", {"epsilon": -1e-8}, "epsilon: must be at least 0, got -1e-08"),
        ("adamw", {"weight_decay": -1.0}, "weight_decay: must be at least 0, got -1.0"),
        ("sgd", {"momentum": 0.9}, "sgd: takes weight_decay, got momentum"),
        ("adam", {"weight_decay": 0.1}, "adam: takes beta1, .*, epsilon_inside, got weight_decay"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make_optimizer(name, settings)
