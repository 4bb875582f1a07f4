"""What a study file may say of layers and optimizers, and how it is told what it may not."""

from __future__ import annotations

from typing import get_args

import pytest

from studyhall import model
from studyhall.search.common.errors import UsageError
from studyhall.search.config.settings import NetworkSettings, TrainingSettings
from studyhall.search.config.study_file import load_study


def complaints(study: str, *overrides: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_study(study, overrides)
    return [line.removeprefix("--set: ") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("network.dropout=1.0", "network.dropout: must be below 1.0, got 1.0"),
        ("network.dropout=true", "network.dropout: must be a number, got True"),
        ("network.dropout=[0.5, 1.0]", "network.dropout[1]: must be below 1.0, got 1.0"),
        ("network.hidden=[0, 3]", "network.hidden[0]: must be at least 1, got 0"),
        (
            "network.activation=rely",
            "network.activation: must be 'relu', 'sigmoid' or 'tanh', got 'rely'",
        ),
        (
            'network.activation=["relu", "rely"]',
            "network.activation[1]: must be 'relu', 'sigmoid' or 'tanh', got 'rely'",
        ),
        (
            "network.loss=hinge",
            "network.loss: must be 'softmax_cross_entropy', 'sigmoid_cross_entropy' or "
            "'mean_squared_error', got 'hinge'",
        ),
        (
            "training.momentum=0.3",
            "training.momentum: goes only with momentum, nesterov, got optimizer sgd; delete it",
        ),
        ("training.epsilon=0", "training.epsilon: must be above 0.0, got 0"),
        (
            "network.initial_deviation=inf",
            "network.initial_deviation: must be a finite number, got inf",
        ),
        (
            "training.step_epochs=3",
            "training.step_epochs: goes only with step, got schedule exponential; delete it",
        ),
        (
            "training.weight_decay=-1",
            "training.weight_decay: must be at least 0.0, got -1",
        ),
    ],
)
def test_one_sentence_names_the_key_the_rule_and_the_value(override, expected):
    assert any(line.startswith(expected) for line in complaints("mnist_sigmoid", override))


@pytest.mark.parametrize("value", ["[0.1]", "[0.1, 0.2, 0.3]"])
def test_a_list_must_have_one_for_each_layer(value):
    (line,) = complaints("points_regularization", f"network.activation={['relu'] * 3}")
    assert line.endswith(
        "network: activation must be one for all hidden layers or a list of 2, "
        "got ['relu', 'relu', 'relu']"
    )
    assert complaints("mnist_optimizers", f"network.dropout={value}")


def test_bytes_alone_are_brought_to_the_unit_interval():
    assert complaints("points_regularization", "data.preprocessing=unit") == [
        "data.preprocessing: must not be 'unit' for two_blobs, whose values are not bytes"
    ]


def test_settings_of_any_optimizer_that_is_searched_may_stand():
    spec = load_study("mnist_optimizers")
    assert {"momentum", "beta1", "beta2", "epsilon"} <= spec.training.keys()
    assert complaints("mnist_optimizers", "training.averaged=3") == [
        "training.averaged: must be true or false, got 3"
    ]


@pytest.mark.parametrize(
    ("settings", "key", "known"),
    [
        (TrainingSettings, "optimizer", model.OPTIMIZERS),
        (TrainingSettings, "schedule", model.SCHEDULE_SETTINGS),
        (NetworkSettings, "loss", model.LOSSES),
        (NetworkSettings, "initializer", model.INITIALIZERS),
    ],
)
def test_a_study_file_may_name_all_that_the_library_has(settings, key, known):
    assert set(get_args(settings.model_fields[key].annotation)) == set(known)


def test_a_schedule_without_decay_refuses_one():
    found = complaints(
        "mnist_sigmoid", "training.schedule=cosine", "training.learning_rate_decay=0.5"
    )
    assert found == [
        "training.learning_rate_decay: goes only with exponential, step, got schedule cosine; "
        "delete it"
    ]


def test_a_network_without_hidden_layers_is_a_network():
    assert load_study("mnist_sigmoid", ["network.hidden=[]"]).resolve({"repeat": 0})
