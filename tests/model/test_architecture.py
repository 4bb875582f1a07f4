import json

import pytest

from studyhall.model import Architecture


def test_parameters_are_weights_first_then_biases():
    shapes = Architecture(5, (4, 3), 2).parameter_shapes()
    assert list(shapes.items()) == [
        ("affine1.weight", (5, 4)),
        ("affine2.weight", (4, 3)),
        ("affine3.weight", (3, 2)),
        ("affine1.bias", (4,)),
        ("affine2.bias", (3,)),
        ("affine3.bias", (2,)),
    ]


@pytest.mark.parametrize("hidden", [(), (7,), (7, 8, 9)])
@pytest.mark.parametrize(("activation", "dropout"), [("relu", 0.0), ("tanh", 0.3)])
def test_survives_json(hidden, activation, dropout):
    architecture = Architecture(5, hidden, 2, activation, dropout)
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


def test_one_name_stands_for_all_hidden_layers():
    one = Architecture(5, (4, 3), 2, "tanh", 0.5)
    assert one == Architecture(5, (4, 3), 2, ["tanh", "tanh"], [0.5, 0.5])
    assert hash(one) == hash(Architecture(5, (4, 3), 2, ("tanh", "tanh"), (0.5, 0.5)))


@pytest.mark.parametrize(("outputs", "classes"), [(1, 2), (2, 2), (3, 3)])
def test_one_output_tells_two_classes_apart(outputs, classes):
    assert Architecture(5, (), outputs, loss="sigmoid_cross_entropy").classes == classes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (5,), 2), r"architecture: widths .* at least 1, got \(0, 5, 2\)"),
        ((4, (5, -1), 2), r"got \(4, 5, -1, 2\)"),
        ((4, (5.0,), 2), r"got \(4, 5\.0, 2\)"),
        ((4, (True,), 2), r"got \(4, True, 2\)"),
        ((4, (0,), 2), r"architecture: widths .* at least 1, got \(4, 0, 2\)"),
        ((4, (5,), 2, "rely"), r"activation: must be one of \['relu', .*\], got 'rely'"),
        ((4, (5, 6), 2, ["relu"]), r"one for each of the 2 hidden layers, got \('relu',\) and"),
        ((4, (5, 6), 2, "relu", [0.1]), r"one for each of the 2 hidden layers, .* and \(0\.1,\)"),
        ((4, (5,), 2, "relu", 1.0), r"dropout: must be at least 0 and below 1, got 1\.0"),
        ((4, (5,), 2, "relu", 0.0, "hinge"), r"loss: must be one of \[.*\], got 'hinge'"),
        ((4, (5,), 1), "outputs: must be at least 2 for a softmax, got 1"),
    ],
)
def test_refuses_what_cannot_be_built(arguments, message):
    with pytest.raises(ValueError, match=message):
        Architecture(*arguments)
