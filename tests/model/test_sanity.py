import re

import numpy as np
import pytest

from studyhall.model import (
    ACTIVATIONS,
    LOSSES,
    Adam,
    Architecture,
    Network,
    ReLU,
    Sigmoid,
    Tanh,
    check_sanity,
)

INITIALIZERS = {"he": None, "glorot": None, "normal": 0.01}


def build(
    outputs=10,
    hidden=(30,),
    activation="relu",
    loss="softmax_cross_entropy",
    initializer="he",
    dtype=np.float32,
    seed=0,
):
    network = Network(Architecture(20, hidden, outputs, activation, 0, loss), dtype)
    scale = INITIALIZERS[initializer]
    network.initialize(initializer, np.random.default_rng(seed), scale=scale)
    return network


def examples(outputs=10, dtype=np.float32, seed=0):
    """Ten examples of about unit size, each near the centre of its class."""
    generator, classes = np.random.default_rng(seed), max(outputs, 2)
    labels, centres = np.arange(10) % classes, generator.normal(size=(classes, 20))
    inputs = 0.95 * centres[labels] + 0.3 * generator.normal(size=(10, 20))
    return inputs.astype(dtype), labels


def failed(findings):
    return [finding.name for finding in findings if not finding.passed]


CASES = [
    (loss, outputs)
    for loss in LOSSES
    for outputs in (1, 3, 10)
    if outputs > 1 or loss != "softmax_cross_entropy"
]


@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (30,), (20, 15)])
@pytest.mark.parametrize(("loss", "outputs"), CASES)
def test_sound_networks_pass(initializer, activation, hidden, loss, outputs):
    for dtype in (np.float32, np.float64):
        network = build(outputs, hidden, activation, loss, initializer, dtype)
        before = network.vector.values.copy()
        findings = check_sanity(network, *examples(outputs, dtype))
        assert failed(findings) == [], findings
        names = ["initial loss"] * (loss != "mean_squared_error") + ["gradients", "overfits"]
        assert [finding.name for finding in findings] == names
        np.testing.assert_array_equal(network.vector.values, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("outputs", [3, 10])
def test_weights_far_too_large_cost_more_than_a_guess(dtype, outputs):
    network = build(outputs, dtype=dtype)
    network.vector.values *= 30
    inputs, labels = examples(outputs, dtype)
    loss, guess = network.loss(inputs, labels), np.log(outputs)
    finding = check_sanity(network, inputs, labels)[0]
    assert (finding.name, finding.passed) == ("initial loss", False)
    assert finding.detail == (
        f"must be from {guess / 5:.3g} to {guess * 5:.3g}, a guess costing {guess:.3g}, "
        f"got {loss:.4g}"
    )


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_a_network_that_knows_the_answers_is_not_fresh(loss):
    network = build(2, (), loss=loss)
    inputs, labels = examples(2)
    inputs[:, 0] = 6 * labels - 3
    network.vector.values[...] = 0
    network.parameters["affine1.weight"][0] = [-1, 1]
    assert failed(check_sanity(network, inputs, labels)) == ["initial loss"]


class LeakyMistake(ReLU):
    def input_gradient(self, output_gradient):
        return output_gradient


class SigmoidMistake(Sigmoid):
    def input_gradient(self, output_gradient):
        return output_gradient * (1 - self.outputs)


class TanhMistake(Tanh):
    """The derivative of the sigmoid in its place: one of the write-ups does this."""

    def input_gradient(self, output_gradient):
        return output_gradient * self.outputs * (1 - self.outputs)


class LateMistake(ReLU):
    """Small, and in a single unit."""

    def input_gradient(self, output_gradient):
        gradient = super().input_gradient(output_gradient)
        gradient[:, 3] *= 1.01
        return gradient


@pytest.mark.parametrize(
    ("activation", "mistake"),
    [
        ("relu", LeakyMistake),
        ("sigmoid", SigmoidMistake),
        ("tanh", TanhMistake),
        ("relu", LateMistake),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_gradient_is_found(monkeypatch, activation, mistake, dtype):
    monkeypatch.setitem(ACTIVATIONS, activation, mistake)
    findings = check_sanity(build(hidden=(8, 8), activation=activation, dtype=dtype), *examples())
    assert "gradients" in failed(findings)
    finding = next(f for f in findings if f.name == "gradients")
    pattern = r"must agree with numeric ones, got the ratio [\d.e-]+ \((look again|worry)\)"
    assert re.fullmatch(pattern, finding.detail), finding.detail


class NotANumber(ReLU):
    def input_gradient(self, output_gradient):
        return output_gradient * np.nan


def test_a_gradient_that_is_not_a_number_is_found(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "relu", NotANumber)
    network = build()
    before = network.vector.values.copy()
    findings = check_sanity(network, *examples())
    assert failed(findings) == ["gradients"]
    assert findings[-1].detail == "must agree with numeric ones, got the ratio nan (worry)"
    np.testing.assert_array_equal(network.vector.values, before)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hidden", [(1,), (30, 2, 2)])
def test_a_network_with_too_few_units_for_ten_classes_must_tell_two_examples_apart(hidden, seed):
    network = build(hidden=hidden, seed=seed)
    before = network.vector.values.copy()
    findings = check_sanity(network, *examples())
    assert failed(findings) == []
    assert findings[-1].detail == "must learn 2 examples by heart, got 0 wrong"
    np.testing.assert_array_equal(network.vector.values, before)


@pytest.mark.parametrize(
    ("hidden", "detail"),
    [
        ((1,), "must learn 2 examples by heart, got 1 wrong"),
        ((30,), "must learn 10 examples by heart, got 9 wrong"),
    ],
)
def test_a_network_whose_units_are_all_silent_cannot_learn(hidden, detail):
    network = build(hidden=hidden)
    network.vector.values[...] = 0
    findings = check_sanity(network, *examples())
    assert failed(findings) == ["overfits"]
    assert findings[-1].detail == detail


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_inputs_without_a_scale_are_not_held_against_the_network(loss):
    inputs, labels = examples()
    network = build(loss=loss)
    assert network.loss(1000 * inputs, labels) > 50 * np.log(10)
    assert failed(check_sanity(network, 1000 * inputs, labels)) == []
    network.vector.values *= 30
    assert "initial loss" in failed(check_sanity(network, 1000 * inputs, labels))


def test_what_is_learned_only_from_scaled_inputs_is_said():
    inputs, labels = examples()
    findings = check_sanity(build(), inputs + 1000, labels)
    assert failed(findings) == ["overfits"]
    assert findings[-1].unscaled
    assert re.fullmatch(
        r"must learn 10 examples by heart, got \d wrong, but none once the inputs are standardized",
        findings[-1].detail,
    )


def test_contradictions_cannot_be_learned():
    inputs, labels = examples()
    inputs[1] = inputs[0]
    findings = check_sanity(build(), inputs, labels)
    assert failed(findings) == ["overfits"]
    assert findings[-1].detail == "must learn 10 examples by heart, got 1 wrong"


def test_dropout_is_refused_before_it_draws():
    generator = np.random.default_rng(0)
    network = Network(Architecture(20, (8,), 10, dropout=0.5), generator=generator)
    message = (
        "gradient check: needs a loss that is the same at every pass, got dropout 0.5; "
        "check the network with dropout 0"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_sanity(network, *examples())
    assert generator.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize("width", [30, 600])
def test_a_wide_network_is_given_fewer_steps(monkeypatch, width):
    """What is bounded is the work, so that a network that cannot learn is refused as soon."""
    steps = []

    class Idle(Adam):
        def step(self, learning_rate):
            steps.append(learning_rate)

    monkeypatch.setattr("studyhall.model.sanity.Adam", Idle)
    monkeypatch.setattr("studyhall.model.sanity.WORK", 1_000_000)
    network = build(hidden=(width, width))
    size = len(network.vector.values)
    assert failed(check_sanity(network, *examples())) == ["overfits"]
    assert len(steps) == 4 * min(1000, max(10, 1_000_000 // size))


def test_what_fails_already_is_not_trained(monkeypatch):
    monkeypatch.setattr("studyhall.model.sanity.STEPS", None)  # counting to it would raise
    network = build()
    network.vector.values *= 300
    findings = check_sanity(network, *examples())
    assert [finding.name for finding in findings] == ["initial loss", "gradients"]
