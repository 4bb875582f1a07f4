import numpy as np
import pytest

from studyhall.model import INITIALIZERS, Architecture, Network

SCALES = {"normal": 0.02, "he": None, "glorot": None}
DEVIATIONS = {
    "normal": (0.02, 0.02),
    "he": (np.sqrt(2 / 400), np.sqrt(2 / 300)),
    "glorot": (np.sqrt(2 / 700), np.sqrt(2 / 500)),
}


def network(initializer, dtype=np.float64, seed=0):
    result = Network(Architecture(400, (300,), 200), dtype)
    result.vector.values[...] = 9
    generator = np.random.default_rng(seed)
    result.initialize(initializer, generator, scale=SCALES[initializer])
    return result


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_weights_have_their_deviation_and_biases_are_zero(initializer):
    parameters = network(initializer).parameters
    for name, deviation in zip(
        ("affine1.weight", "affine2.weight"), DEVIATIONS[initializer], strict=True
    ):
        assert parameters[name].std() == pytest.approx(deviation, rel=0.01)
        assert abs(parameters[name].mean()) < deviation / 50
    assert not parameters["affine1.bias"].any()
    assert not parameters["affine2.bias"].any()


def test_glorot_is_uniform_within_its_limit():
    weight = network("glorot").parameters["affine1.weight"]
    limit = np.sqrt(6 / 700)
    assert 0.999 * limit < np.abs(weight).max() <= limit
    assert np.abs(weight).mean() == pytest.approx(limit / 2, rel=0.01)


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_float32_starts_from_the_same_numbers_as_float64(initializer):
    wide, narrow = (network(initializer, dtype).vector.values for dtype in (np.float64, np.float32))
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))


def test_weights_are_drawn_first_layer_first():
    drawn = np.random.default_rng(5).standard_normal(4 * 3 + 3 * 2)
    small = Network(Architecture(4, (3,), 2), np.float64)
    small.initialize("normal", np.random.default_rng(5), scale=1.0)
    np.testing.assert_array_equal(small.vector.values[:18], drawn)


@pytest.mark.parametrize(
    ("initializer", "scale", "message"),
    [
        ("normal", None, "scale: must be above 0 for the initializer 'normal', got None"),
        ("normal", 0.0, "got 0.0"),
        ("normal", float("nan"), "got nan"),
        ("he", 0.1, "scale: must be left out for the initializer 'he', got 0.1"),
        ("glorot", 0.1, "scale: must be left out for the initializer 'glorot', got 0.1"),
        ("xavier", None, r"initializer: must be one of \['glorot', 'he', 'normal'\], got 'xavier'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(initializer, scale, message):
    small = Network(Architecture(4, (3,), 2))
    with pytest.raises(ValueError, match=message):
        small.initialize(initializer, np.random.default_rng(0), scale=scale)
