from dataclasses import replace

import numpy as np
import pytest

from studyhall.model import (
    LOSSES,
    Affine,
    Architecture,
    Dropout,
    Network,
    ReLU,
    Sigmoid,
    Tanh,
    check_network,
    make_optimizer,
)

TOY_LABELS = np.array([0, 1, 2, 2, 1])


@pytest.fixture
def toy():
    """The toy network and data of the CS231n two-layer net, drawn as its notebook draws them."""
    network = Network(Architecture(4, (10,), 3), np.float64)
    weights = np.random.RandomState(0)  # the published loss is for these draws
    for name in ("affine1.weight", "affine2.weight"):
        network.parameters[name][...] = 1e-1 * weights.randn(*network.parameters[name].shape)
    inputs = 10 * np.random.RandomState(1).randn(5, 4)
    return network, inputs


def test_toy_loss_is_the_published_one(toy):
    network, inputs = toy
    loss = network.loss_and_gradients(inputs, TOY_LABELS, l2=0.1)
    assert loss == pytest.approx(1.30378789133, abs=1e-10, rel=0)


def test_toy_gradients_agree_with_numeric_ones(toy):
    network, inputs = toy
    for comparison in check_network(network, inputs, TOY_LABELS, l2=0.1):
        assert comparison.relative_error < 1e-8, str(comparison)


def test_toy_training_ends_below_the_published_loss(toy):
    network, inputs = toy
    optimizer = make_optimizer("sgd")
    optimizer.bind(network.vector)
    for _ in range(100):
        loss = network.loss_and_gradients(inputs, TOY_LABELS, l2=1e-5)
        optimizer.step(1e-1)
    assert loss < 0.02


def test_logits_belong_to_the_caller(toy):
    network, inputs = toy
    first = network.logits(inputs)
    kept = first.copy()
    network.logits(2 * inputs)
    np.testing.assert_array_equal(first, kept)


def test_a_batch_is_scored_without_the_penalty(toy):
    network, inputs = toy
    total = network.loss_and_gradients(inputs, TOY_LABELS, l2=0.1)
    weights = network.vector.values[: network.vector.weight_count]
    assert total - network.data_loss == pytest.approx(0.05 * (weights**2).sum())
    assert network.loss(inputs, TOY_LABELS) == network.data_loss
    assert network.correct == (network.logits(inputs).argmax(axis=1) == TOY_LABELS).sum()


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
def test_float32_agrees_with_float64(hidden):
    generator = np.random.default_rng(0)
    inputs, gradients = generator.normal(size=(5, 4)), []
    for dtype in (np.float32, np.float64):
        network = Network(Architecture(4, hidden, 3), dtype)
        network.initialize("he", np.random.default_rng(1))
        network.loss_and_gradients(inputs.astype(dtype), TOY_LABELS, 0.1)
        assert network.vector.gradients.dtype == dtype
        gradients.append(network.vector.gradients)
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-6)


def test_wrong_width_names_the_layer(toy):
    with pytest.raises(ValueError, match=r"affine1: inputs .* \(batch, 4\) .*got \(5, 3\)"):
        toy[0].logits(np.zeros((5, 3)))


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match="dtype: must be float32 or float64, got"):
        Network(Architecture(4, (3,), 2), dtype)


MIXED = Architecture(4, (6, 5, 7), 3, ("relu", "tanh", "sigmoid"), (0.5, 0.0, 0.25))


def test_each_hidden_layer_has_its_own_activation_and_dropout():
    layers = Network(MIXED).layers
    kinds = [Affine, ReLU, Dropout, Affine, Tanh, Affine, Sigmoid, Dropout, Affine]
    assert [type(layer) for layer in layers] == kinds
    assert [layer.rate for layer in layers if isinstance(layer, Dropout)] == [0.5, 0.25]
    names = [layer.name for layer in layers if isinstance(layer, Affine)]
    assert names == ["affine1", "affine2", "affine3", "affine4"]


def test_the_activations_act_in_their_order():
    network = Network(MIXED, np.float64)
    network.initialize("he", np.random.default_rng(0))
    inputs, p = np.random.default_rng(1).normal(size=(5, 4)), network.parameters
    hidden = np.maximum(inputs @ p["affine1.weight"], 0)
    hidden = np.tanh(hidden @ p["affine2.weight"])
    hidden = 1 / (1 + np.exp(-(hidden @ p["affine3.weight"])))
    expected = hidden @ p["affine4.weight"]
    np.testing.assert_allclose(network.logits(inputs), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_dropout_acts_in_training_alone(loss):
    architecture = replace(MIXED, loss=loss)
    network = Network(architecture, np.float64, np.random.default_rng(0))
    network.initialize("he", np.random.default_rng(1))
    twin = Network(replace(architecture, dropout=0.0), np.float64)
    twin.vector.values[...] = network.vector.values
    inputs = np.random.default_rng(2).normal(size=(5, 4))
    expected, value = twin.logits(inputs), twin.loss(inputs, TOY_LABELS)
    trained = {network.loss_and_gradients(inputs, TOY_LABELS) for _ in range(5)}
    assert len(trained | {value}) == 6
    np.testing.assert_array_equal(network.logits(inputs), expected)
    assert network.loss(inputs, TOY_LABELS) == value


def test_the_generator_alone_decides_what_is_dropped():
    inputs, gradients = np.random.default_rng(2).normal(size=(5, 4)), []
    for seed in (0, 0, 1):
        network = Network(MIXED, np.float64, np.random.default_rng(seed))
        network.initialize("he", np.random.default_rng(1))
        network.loss_and_gradients(inputs, TOY_LABELS)
        gradients.append(network.vector.gradients)
    np.testing.assert_array_equal(gradients[0], gradients[1])
    assert (gradients[0] != gradients[2]).any()


def test_dropout_cannot_train_without_a_generator():
    message = "^dropout: training needs a generator to draw masks from, got none$"
    with pytest.raises(ValueError, match=message):
        Network(MIXED).loss_and_gradients(np.zeros((5, 4), np.float32), TOY_LABELS)
