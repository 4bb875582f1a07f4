import numpy as np

from studyhall.model.parameters import BLOCK_LENGTH, ParameterVector, blocks

SHAPES = {"a.weight": (3, 4), "a.bias": (4,), "b.weight": (4, 2), "b.bias": (2,)}


def test_named_views_cover_the_vectors_with_weights_first():
    vector = ParameterVector(SHAPES, np.float32)
    for number, (value, gradient) in enumerate(vector.named.values()):
        value[...], gradient[...] = number, -number
    assert {name: views.value.shape for name, views in vector.named.items()} == SHAPES
    assert vector.weight_count == 20
    np.testing.assert_array_equal(vector.values, np.repeat([0, 1, 2, 3], [12, 8, 4, 2]))
    np.testing.assert_array_equal(vector.gradients, -vector.values)
    assert vector.named["b.weight"].value[0, 0] == 1


def test_blocks_are_matching_views_of_everything():
    left, right = np.zeros(2 * BLOCK_LENGTH + 5), np.zeros(2 * BLOCK_LENGTH + 5)
    pieces = blocks(left, right)
    assert [len(piece) for piece, _ in pieces] == [BLOCK_LENGTH, BLOCK_LENGTH, 5]
    for number, (of_left, of_right) in enumerate(pieces):
        of_left += number
        of_right -= number
    np.testing.assert_array_equal(left, -right)
    assert left[-1] == 2
