"""The evaluation of a classifier on a few test examples of the user's own data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studyhall.model import Architecture, Classifier, Network, Preprocessing
from studyhall.search.data.datasets import fetch, open_test
from studyhall.search.evaluation.evaluation import evaluate
from tests.search.data.own_sets import CLASSES, image_folder, own


def test_a_few_test_examples_are_of_every_class_and_mistakes_are_found_again(
    tmp_path: Path, cache: Path
) -> None:
    settings = own(image_folder(tmp_path / "pets", ("train", "test"), each=9), test=10)
    folder = fetch(settings)
    inputs = 6 * 8 * 3
    network = Network(Architecture(inputs, (), 3))  # all weights are 0, so it says the first class
    preprocessing = Preprocessing(np.zeros(inputs), np.ones(inputs))
    found = evaluate(Classifier(network, preprocessing, CLASSES, (6, 8, 3)), folder, settings)
    assert found.matrix.sum(axis=1).tolist() == [4, 3, 3]
    assert (found.examples, found.correct) == (10, 4)
    examples, labels, _ = open_test(settings, folder)
    for mistake, image in zip(found.mistakes, found.mistaken, strict=True):
        assert CLASSES[labels[mistake.index]] == mistake.true
        np.testing.assert_array_equal(examples[mistake.index], image)
