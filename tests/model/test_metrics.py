import numpy as np
import pytest

from studyhall.model import accuracy, confusion_matrix, score, wilson_interval

LABELS, PREDICTIONS = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])


def test_accuracy_and_confusion_count_the_same_answers():
    matrix = confusion_matrix(LABELS, PREDICTIONS, 4)
    np.testing.assert_array_equal(matrix, [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]])
    assert accuracy(LABELS, PREDICTIONS) == np.trace(matrix) / matrix.sum() == 4 / 6


@pytest.mark.parametrize(
    ("correct", "total", "expected"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_interval_agrees_with_published_ones(correct, total, expected):
    assert wilson_interval(correct, total) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("correct", [0, 3, 10])
def test_wilson_interval_is_symmetric_and_inside_zero_to_one(correct):
    low, high = wilson_interval(correct, 10, 0.99)
    mirrored = wilson_interval(10 - correct, 10, 0.99)
    assert 0 <= low <= correct / 10 <= high <= 1
    assert (1 - high, 1 - low) == pytest.approx(mirrored)


@pytest.mark.parametrize("chunk", [7, 30])
def test_score_counts_each_example_once(make_network, validation, chunk, monkeypatch):
    network = make_network()
    inputs, labels = validation.gather(validation.indices)
    expected = network.loss(inputs, labels), network.correct / 30
    monkeypatch.setattr("studyhall.model.examples.CHUNK", chunk)
    assert score(network, validation.chunks()) == pytest.approx(expected, rel=1e-6)


def test_score_needs_examples(make_network):
    with pytest.raises(ValueError, match="score: needs at least one example, got none"):
        score(make_network(), [])


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (accuracy, (LABELS, LABELS[:5]), r"predictions: .* got \(5,\) for \(6,\)"),
        (accuracy, (LABELS[:0], LABELS[:0]), r"at least one, got \(0,\)"),
        (confusion_matrix, (LABELS, PREDICTIONS, 2), "labels: must be from 0 to 1, got 0 to 2"),
        (confusion_matrix, (LABELS, PREDICTIONS - 1, 3), "predictions: .* got -1 to 1"),
        (wilson_interval, (5, 4), "correct: must be from 0 to total, .* got 5 of 4"),
        (wilson_interval, (0, 0), "got 0 of 0"),
        (wilson_interval, (1, 2, 1.0), "confidence: must be above 0 and below 1, got 1.0"),
    ],
)
def test_counts_that_make_no_sense_are_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
