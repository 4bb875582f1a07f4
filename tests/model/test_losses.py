import re

import numpy as np
import pytest

from studyhall.model import (
    LOSSES,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    sigmoid,
    softmax,
)

LABELS = np.array([2, 0])
ONE_HOT = np.eye(3)[LABELS]


def test_softmax_judges_each_row_by_its_own_label():
    logits = np.log(np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]))
    loss = SoftmaxCrossEntropy().value(logits, LABELS)
    assert loss == pytest.approx(-(np.log(0.5) + np.log(0.6)) / 2, rel=1e-14)


def test_sigmoid_asks_one_question_an_output():
    logits = np.log(np.array([[1 / 9], [9.0]]))  # probabilities 0.1 and 0.9 of class 1
    loss = SigmoidCrossEntropy().value(logits, np.array([1, 1]))
    assert loss == pytest.approx(-(np.log(0.1) + np.log(0.9)) / 2, rel=1e-14)
    three = SigmoidCrossEntropy().value(np.zeros((2, 3)), LABELS)
    assert three == pytest.approx(3 * np.log(2), rel=1e-14)


def test_squared_error_takes_numbers_or_classes():
    outputs = np.array([[0.5, 0.0, 1.0], [1.0, 0.0, 0.0]])
    expected = 0.25 / 6
    assert MeanSquaredError().value(outputs, LABELS) == pytest.approx(expected)
    assert MeanSquaredError().value(outputs, ONE_HOT) == pytest.approx(expected)
    assert MeanSquaredError().value(outputs, outputs + 2) == pytest.approx(4)


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_agree_with_the_value(name):
    logits = np.random.default_rng(0).normal(size=(2, 3))
    before = logits.copy()
    loss = LOSSES[name]()
    value, gradient = loss.value_and_gradient(logits, LABELS)
    assert value == loss.value(logits, LABELS)
    assert gradient.shape == logits.shape
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float64])
def test_one_hot_rows_mean_the_same_as_indices(name, dtype):
    logits = np.random.default_rng(1).normal(size=(2, 3))
    by_index, by_row = LOSSES[name](), LOSSES[name]()
    value, gradient = by_index.value_and_gradient(logits, LABELS)
    same_value, same_gradient = by_row.value_and_gradient(logits, ONE_HOT.astype(dtype))
    assert value == same_value
    np.testing.assert_array_equal(gradient, same_gradient)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_sum_to_one_and_agree_with_predictions(name, outputs, dtype):
    if (name, outputs) == ("softmax_cross_entropy", 1):
        return  # a softmax has two outputs at least
    logits = np.random.default_rng(2).normal(size=(50, outputs)).astype(dtype)
    loss = LOSSES[name]()
    probabilities = loss.probabilities(logits)
    assert probabilities.shape == (50, max(outputs, 2))
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    sure = np.sort(probabilities)[:, -1] > np.sort(probabilities)[:, -2] + 1e-6
    predicted = loss.predict(logits)
    np.testing.assert_array_equal(predicted[sure], probabilities.argmax(axis=1)[sure])
    assert loss.correct(logits, predicted) == 50
    assert loss.correct(logits, (predicted + 1) % 2) <= np.count_nonzero(predicted > 1)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("right", [1000, -1000])
def test_stable_for_logits_of_a_thousand(name, dtype, right):
    logits = np.full((2, 3), -right, dtype)
    logits[np.arange(2), LABELS] = right
    loss = LOSSES[name]()
    value, gradient = loss.value_and_gradient(logits, LABELS)
    wrong = {"softmax_cross_entropy": 2000, "sigmoid_cross_entropy": 3000}[name]
    assert value == pytest.approx(0 if right > 0 else wrong, abs=2)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(loss.probabilities(logits).sum(axis=1), 1)


@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_softmax_depends_on_differences_alone(shift):
    logits = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(softmax(logits + shift), softmax(logits), rtol=1e-12)


def test_sigmoid_is_one_half_at_zero_and_symmetric():
    logits = np.linspace(-1000, 1000, 101)
    np.testing.assert_allclose(sigmoid(logits) + sigmoid(-logits), 1, rtol=1e-12)
    assert sigmoid(np.zeros(1)) == 0.5


BAD_LABELS = [
    ([0, 3], "labels: must be from 0 to 2, got 0 to 3"),
    ([-1, 1], "labels: must be from 0 to 2, got -1 to 1"),
    (
        [0],
        "labels: must be whole numbers, one for each of 2 examples and at least one, or one-hot "
        "rows of 3, got int64 of shape (1,)",
    ),
    (
        [[0], [1]],
        "labels: must be whole numbers, one for each of 2 examples and at least one, or one-hot "
        "rows of 3, got int64 of shape (2, 1)",
    ),
    (
        [[1, 0, 0], [1, 1, 0]],
        "labels: one-hot rows must hold one 1 and otherwise 0, so that they sum to one, got row 1, "
        "which sums to 2: [1, 1, 0]",
    ),
    (
        [[0, 0, 0], [0, 1, 0]],
        "labels: one-hot rows must hold one 1 and otherwise 0, so that they sum to one, got row 0, "
        "which sums to 0: [0, 0, 0]",
    ),
]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("labels", "message"), BAD_LABELS)
def test_labels_that_name_no_class_are_refused(name, labels, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LOSSES[name]().value_and_gradient(np.zeros((2, 3)), np.array(labels))


@pytest.mark.parametrize("labels", [[0.0, 1.0], [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]])
def test_soft_labels_are_no_classes(labels):
    with pytest.raises(ValueError, match=r"^labels: "):
        SoftmaxCrossEntropy().value(np.zeros((2, 3)), np.array(labels))


@pytest.mark.parametrize("targets", [[[0.0, 1.0]], [[0.0, np.nan, 1.0], [0.0, 0.0, 1.0]]])
def test_targets_must_be_finite_and_one_an_output(targets):
    with pytest.raises(
        ValueError,
        match=r"^targets: must be finite numbers of shape \(2, 3\), at least one row, got ",
    ):
        MeanSquaredError().value(np.zeros((2, 3)), np.array(targets))


def test_an_empty_batch_is_refused():
    message = "labels: must be whole numbers, one for each of 0 examples and at least one"
    with pytest.raises(ValueError, match=f"^{message}"):
        SoftmaxCrossEntropy().value(np.zeros((0, 3)), np.zeros(0, np.int64))


@pytest.mark.parametrize("targets", [np.zeros(0, np.int64), np.zeros((0, 3))])
def test_an_empty_batch_has_no_squared_error(targets):
    with pytest.raises(ValueError, match="at least one"):
        MeanSquaredError().value_and_gradient(np.zeros((0, 3)), targets)


def test_one_hot_rows_of_any_type_count_as_classes():
    logits = np.eye(3)
    assert MeanSquaredError().correct(logits, np.eye(3)) == 3
    assert MeanSquaredError().correct(logits, np.eye(3, dtype=int)) == 3
    assert MeanSquaredError().correct(logits, np.full((3, 3), 0.5)) == 0
