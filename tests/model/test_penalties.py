import numpy as np
import pytest

from studyhall.model.parameters import BLOCK_LENGTH, ParameterVector
from studyhall.model.penalties import L2Penalty, l2_from_lambda


@pytest.mark.parametrize("rows", [3, BLOCK_LENGTH // 2 + 1])
def test_half_l2_times_the_squared_weights_of_all_blocks(rows):
    vector = ParameterVector({"weight": (rows, 2), "bias": (4,)}, np.float64)
    generator = np.random.default_rng(0)
    vector.values[...] = generator.normal(size=len(vector.values))
    vector.gradients[...] = data_gradients = generator.normal(size=len(vector.values))
    weight = vector.named["weight"].value.copy()
    value = L2Penalty(vector).value(0.3)
    np.testing.assert_array_equal(vector.gradients, data_gradients)
    assert L2Penalty(vector).add(0.3) == value == pytest.approx(0.15 * (weight**2).sum(), rel=1e-12)
    added = vector.gradients - data_gradients
    np.testing.assert_allclose(added[: 2 * rows], 0.3 * weight.ravel(), atol=1e-15)
    np.testing.assert_array_equal(added[2 * rows :], 0)


def test_no_penalty_changes_nothing():
    vector = ParameterVector({"weight": (2, 2)}, np.float32)
    vector.values[...] = np.inf
    assert L2Penalty(vector).add(0.0) == L2Penalty(vector).value(0.0) == 0
    assert not vector.gradients.any()


@pytest.mark.parametrize(("strength", "examples"), [(0.0, 1), (0.7, 211), (3, 64)])
def test_lambda_over_two_m_is_the_same_penalty(strength, examples):
    vector = ParameterVector({"weight": (4, 3), "bias": (3,)}, np.float64)
    vector.values[...] = np.random.default_rng(0).normal(size=15)
    weight = vector.named["weight"].value
    penalty = L2Penalty(vector).add(l2_from_lambda(strength, examples))
    assert penalty == pytest.approx(strength / (2 * examples) * (weight**2).sum(), rel=1e-12)
    gradient = vector.named["weight"].gradient
    np.testing.assert_allclose(gradient, strength / examples * weight, rtol=1e-12)


@pytest.mark.parametrize(
    ("strength", "examples"), [(-0.1, 10), (np.nan, 10), (np.inf, 10), (0.1, 0)]
)
def test_a_lambda_that_makes_no_sense_is_refused(strength, examples):
    message = (
        f"lambda and examples: must be at least 0 and at least 1, got {strength} and {examples}"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        l2_from_lambda(strength, examples)
