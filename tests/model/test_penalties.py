import numpy as np
import pytest

from model.parameters import BLOCK_LENGTH, ParameterVector
from model.penalties import L2Penalty


@pytest.mark.parametrize("rows", [3, BLOCK_LENGTH // 2 + 1])
def test_half_l2_times_the_squared_weights_of_all_blocks(rows):
    vector = ParameterVector({"weight": (rows, 2), "bias": (4,)}, np.float64)
    generator = np.random.default_rng(0)
    vector.values[...] = generator.normal(size=len(vector.values))
    vector.gradients[...] = data_gradients = generator.normal(size=len(vector.values))
    weight = vector.named["weight"].value.copy()
    assert L2Penalty(vector).add(0.3) == pytest.approx(0.15 * (weight**2).sum(), rel=1e-12)
    added = vector.gradients - data_gradients
    np.testing.assert_allclose(added[: 2 * rows], 0.3 * weight.ravel(), atol=1e-15)
    np.testing.assert_array_equal(added[2 * rows :], 0)


def test_no_penalty_changes_nothing():
    vector = ParameterVector({"weight": (2, 2)}, np.float32)
    vector.values[...] = np.inf
    assert L2Penalty(vector).add(0.0) == 0
    assert not vector.gradients.any()
