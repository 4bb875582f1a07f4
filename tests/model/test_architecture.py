import json

import pytest

from model import Architecture


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
def test_survives_json(hidden):
    architecture = Architecture(5, hidden, 2)
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (5,), 2), r"architecture: widths .* at least 1, got \(0, 5, 2\)"),
        ((4, (5, -1), 2), r"got \(4, 5, -1, 2\)"),
        ((4, (5.0,), 2), r"got \(4, 5\.0, 2\)"),
        ((4, (True,), 2), r"got \(4, True, 2\)"),
        ((4, (5,), 2, "rely"), r"activation: must be one of \['relu'\], got 'rely'"),
    ],
)
def test_refuses_what_cannot_be_built(arguments, message):
    with pytest.raises(ValueError, match=message):
        Architecture(*arguments)
