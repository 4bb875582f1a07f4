"""Gradients of layers, losses and whole networks against PyTorch's autograd, in float64."""

import numpy as np
import pytest

from studyhall.model import ACTIVATIONS, LOSSES, Affine, Architecture, Dropout, Network, Parameter

torch = pytest.importorskip("torch")

FUNCTIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
LIMIT = 1e-10


def difference(ours, theirs):
    """The norm of the difference over the norm of PyTorch's, if that is not zero."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float64
    return np.linalg.norm(ours - theirs) / (np.linalg.norm(theirs) or 1)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def torch_loss(name, logits, labels):
    """Our losses in PyTorch's words.

    PyTorch averages binary cross-entropies over examples and outputs; ours adds up the questions
    of one example. Its softmax and its squared error are as ours.
    """
    if name == "softmax_cross_entropy":
        return torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    outputs = logits.shape[1]
    targets = torch.from_numpy(np.eye(max(outputs, 2))[labels][:, -outputs:])
    if name == "mean_squared_error":
        return torch.nn.functional.mse_loss(logits, targets)
    sums = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
    return sums / len(labels)


@pytest.mark.parametrize("batch", [1, 7])
def test_affine(batch):
    generator = np.random.default_rng(0)
    weight, bias, inputs, above = (
        generator.normal(size=shape) for shape in ((4, 5), (5,), (batch, 4), (batch, 5))
    )
    pairs = [Parameter(array.copy(), np.empty_like(array)) for array in (weight, bias)]
    layer = Affine("affine1", *pairs)
    x, w, b = leaf(inputs), leaf(weight), leaf(bias)
    outputs = x @ w + b
    outputs.backward(torch.from_numpy(above))
    assert difference(layer.forward(inputs), outputs) <= LIMIT
    layer.parameter_gradients(above)
    assert difference(pairs[0].gradient, w.grad) <= LIMIT
    assert difference(pairs[1].gradient, b.grad) <= LIMIT
    assert difference(layer.input_gradient(above), x.grad) <= LIMIT


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("batch", [1, 7])
def test_activation(name, batch):
    generator = np.random.default_rng(1)
    inputs, above = generator.normal(scale=3, size=(2, batch, 5))
    inputs[0, :2] = 0, -0.0  # at its kink both take a ReLU's derivative for zero
    layer, x = ACTIVATIONS[name](), leaf(inputs)
    outputs = FUNCTIONS[name](x)
    outputs.backward(torch.from_numpy(above))
    assert difference(layer.forward(inputs), outputs) <= LIMIT
    assert difference(layer.input_gradient(above), x.grad) <= LIMIT


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_in_training(rate):
    """The mask is random in both, so PyTorch is given ours: what the layer makes of ones."""
    generator = np.random.default_rng(2)
    inputs, above = generator.normal(size=(2, 20, 6))
    mask = Dropout(rate, np.random.default_rng(3)).forward(np.ones((20, 6)), training=True)
    layer, x = Dropout(rate, np.random.default_rng(3)), leaf(inputs)
    outputs = x * torch.from_numpy(mask)
    outputs.backward(torch.from_numpy(above))
    assert 0 < np.count_nonzero(mask) < mask.size
    assert difference(layer.forward(inputs, training=True), outputs) <= LIMIT
    assert difference(layer.input_gradient(above), x.grad) <= LIMIT


LOSS_CASES = [
    (name, outputs)
    for name in LOSSES
    for outputs in (1, 2, 5)
    if outputs > 1 or name != "softmax_cross_entropy"
]


@pytest.mark.parametrize(("name", "outputs"), LOSS_CASES)
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("scale", [1, 30])
def test_loss(name, outputs, batch, scale):
    generator = np.random.default_rng(4)
    logits = generator.normal(scale=scale, size=(batch, outputs))
    labels = generator.integers(max(outputs, 2), size=batch)
    z = leaf(logits)
    theirs = torch_loss(name, z, labels)
    theirs.backward()
    value, gradient = LOSSES[name]().value_and_gradient(logits, labels)
    assert value == pytest.approx(theirs.item(), rel=LIMIT)
    # Where the loss is nearly zero both gradients are rounding, to which the first term is blind.
    assert difference(gradient + 1e-3, z.grad + 1e-3) <= LIMIT


def test_squared_error_of_numbers():
    outputs, targets = np.random.default_rng(5).normal(size=(2, 6, 3))
    z = leaf(outputs)
    theirs = torch.nn.functional.mse_loss(z, torch.from_numpy(targets))
    theirs.backward()
    value, gradient = LOSSES["mean_squared_error"]().value_and_gradient(outputs, targets)
    assert value == pytest.approx(theirs.item(), rel=LIMIT)
    assert difference(gradient, z.grad) <= LIMIT


def random_case(seed):
    """A network of random make with inputs and labels, and the strength of its penalty."""
    generator = np.random.default_rng(seed)
    depth = seed % 5
    loss = list(LOSSES)[seed % 3]
    architecture = Architecture(
        inputs=int(generator.integers(1, 12)),
        hidden=tuple(generator.integers(2, 15, size=depth).tolist()),
        outputs=int(generator.integers(2 if loss == "softmax_cross_entropy" else 1, 6)),
        activation=generator.choice(sorted(ACTIVATIONS), size=depth).tolist(),
        dropout=(generator.choice([0.0, 0.3, 0.5], size=depth) * (seed % 2)).tolist(),
        loss=loss,
    )
    network = Network(architecture, np.float64, np.random.default_rng(seed))
    network.vector.values[...] = generator.normal(scale=0.7, size=network.vector.values.size)
    batch = int(generator.integers(1, 30))
    inputs = generator.normal(size=(batch, architecture.inputs))
    labels = generator.integers(architecture.classes, size=batch)
    return network, inputs, labels, float(generator.choice([0, 0.01, 1]))


def masks_of(network, batch, seed):
    """The masks that the network's dropout layers are about to draw, one after the other."""
    generator, architecture = np.random.default_rng(seed), network.architecture
    for width, rate in zip(architecture.hidden, architecture.dropouts, strict=True):
        ones = np.ones((batch, width))
        yield Dropout(rate, generator).forward(ones, training=True) if rate else ones


def torch_network(network, leaves, inputs, masks):
    """The logits of the same network, written out in PyTorch."""
    values = torch.from_numpy(inputs)
    names = network.architecture.activations
    for number, (name, mask) in enumerate(zip(names, masks, strict=True), start=1):
        values = values @ leaves[f"affine{number}.weight"] + leaves[f"affine{number}.bias"]
        values = FUNCTIONS[name](values) * torch.from_numpy(mask)
    last = f"affine{len(names) + 1}"
    return values @ leaves[f"{last}.weight"] + leaves[f"{last}.bias"]


@pytest.mark.parametrize("seed", range(60))
def test_network(seed):
    network, inputs, labels, l2 = random_case(seed)
    leaves = {name: leaf(value) for name, value in network.parameters.items()}
    logits = torch_network(network, leaves, inputs, list(masks_of(network, len(inputs), seed)))
    weights = [value for value in leaves.values() if value.ndim > 1]
    penalty = 0.5 * l2 * sum((weight**2).sum() for weight in weights)
    loss = torch_loss(network.architecture.loss, logits, labels) + penalty
    loss.backward()
    assert network.loss_and_gradients(inputs, labels, l2) == pytest.approx(loss.item(), rel=LIMIT)
    whole = np.concatenate([gradient.ravel() for gradient in network.gradients.values()])
    assert difference(whole, torch.cat([value.grad.ravel() for value in leaves.values()])) <= LIMIT
    for name, gradient in network.gradients.items():
        assert difference(gradient, leaves[name].grad) <= LIMIT, name


def test_random_cases_are_of_every_make():
    cases = [random_case(seed) for seed in range(60)]
    made = {(c[0].architecture.loss, len(c[0].architecture.hidden)) for c in cases}
    assert made == {(loss, depth) for loss in LOSSES for depth in range(5)}
    architectures = [network.architecture for network, *_ in cases]
    assert {name for a in architectures for name in a.activations} == set(ACTIVATIONS)
    assert {rate for a in architectures for rate in a.dropouts} == {0.0, 0.3, 0.5}
    assert {l2 for *_, l2 in cases} == {0, 0.01, 1}
