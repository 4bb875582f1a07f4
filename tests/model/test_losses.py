import numpy as np
import pytest

from model import SoftmaxCrossEntropy, softmax

LABELS = np.array([2, 0])


def test_each_row_is_judged_by_its_own_label():
    logits = np.log(np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]))
    loss = SoftmaxCrossEntropy().forward(logits, LABELS)
    assert loss == pytest.approx(-(np.log(0.5) + np.log(0.6)) / 2, rel=1e-14)


def test_equal_logits_cost_the_logarithm_of_the_classes():
    assert SoftmaxCrossEntropy().forward(np.zeros((2, 10)), LABELS) == pytest.approx(np.log(10))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("right", "expected"), [(1000, 0.0), (-1000, 2000.0)])
def test_stable_for_large_logits(dtype, right, expected):
    logits = np.full((2, 3), -right, dtype)
    logits[np.arange(2), LABELS] = right
    loss = SoftmaxCrossEntropy()
    assert loss.forward(logits, LABELS) == pytest.approx(expected, abs=1)
    assert np.isfinite(loss.input_gradient()).all()
    np.testing.assert_allclose(softmax(logits).sum(axis=1), 1)


@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_softmax_depends_on_differences_alone(shift):
    logits = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(softmax(logits + shift), softmax(logits), rtol=1e-12)


def test_the_logits_are_left_alone():
    logits = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    loss = SoftmaxCrossEntropy()
    loss.forward(logits, LABELS)
    loss.input_gradient()
    np.testing.assert_array_equal(logits, [[1, 2, 3], [3, 2, 1]])


def test_the_gradient_may_be_asked_for_twice():
    loss = SoftmaxCrossEntropy()
    loss.forward(np.eye(3)[:2], LABELS)
    np.testing.assert_array_equal(loss.input_gradient().copy(), loss.input_gradient())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "labels: must be from 0 to 2, got 0 to 3"),
        ([-1, 1], "labels: must be from 0 to 2, got -1 to 1"),
        ([0], "one for each of 2 examples"),
        ([0.0, 1.0], "whole numbers.*got float64"),
        ([[0], [1]], r"got int64 of shape \(2, 1\)"),
    ],
)
def test_labels_that_name_no_class_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), np.array(labels))
