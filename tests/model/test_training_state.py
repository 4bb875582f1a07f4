"""A training that is stopped, saved, loaded elsewhere and resumed is the training never stopped."""

import json
import re
from dataclasses import fields, replace
from itertools import islice

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from studyhall.model import (
    OPTIMIZERS,
    Architecture,
    CheckpointError,
    Classifier,
    Network,
    Schedule,
    TrainingState,
    load_checkpoint,
    load_training_state,
    make_optimizer,
    save_checkpoint,
    train,
)
from studyhall.model.checkpoint import METADATA_KEY, _read

EPOCHS, NAMES, SHAPE = 6, ("dark", "grey", "bright"), (4, 4, 3)
# The warm-up ends in the second of six epochs, so that some stops are before it and some after.
SCHEDULE = Schedule(0.02, kind="cosine", warmup_iterations=6)
KINDS = {
    "plain": ({}, {}),
    "dropout": ({"dropout": (0.2, 0.5)}, {}),
    "mirror": ({}, {"mirror": True}),
    "both": ({"dropout": (0.0, 0.5), "activation": ("tanh", "relu")}, {"mirror": True}),
}
RUNS = [
    ("plain", "shuffle"),
    ("dropout", "shuffle"),
    ("mirror", "with_replacement"),
    *(("both", sampling) for sampling in ("shuffle", "with_replacement")),
]


@pytest.fixture
def fresh_network():
    def make(dropout=0.0, activation="relu", dtype=np.float32):
        architecture = Architecture(48, (7, 6), 3, activation, dropout)
        generator = np.random.default_rng(5) if any(architecture.dropouts) else None
        network = Network(architecture, dtype, generator)
        network.initialize("he", np.random.default_rng(1))
        return network

    return make


@pytest.fixture
def start(validation):
    """Start a training, or resume one."""

    def start(network, optimizer, batches, state=None, **changes):
        iterations = EPOCHS * batches.iterations_per_epoch
        options = {"l2": 1e-3, "iterations": iterations, "start": state, **changes}
        return train(network, optimizer, batches, validation, SCHEDULE, **options)

    return start


def assert_same_records(records, expected):
    """Equal to the bit in everything but how long it took."""
    assert len(records) == len(expected)
    for record, other in zip(records, expected, strict=True):
        for field in fields(record):
            if field.name != "seconds":
                values = getattr(record, field.name), getattr(other, field.name)
                np.testing.assert_array_equal(*values, err_msg=field.name)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("kind", "sampling"), RUNS)
def test_stopped_at_every_epoch(
    fresh_network, make_batches, preprocessing, start, tmp_path, name, kind, sampling
):
    architecture, augmentation = KINDS[kind]
    whole, path = fresh_network(**architecture), tmp_path / "model.safetensors"
    parts = make_optimizer(name), make_batches(sampling=sampling, **augmentation)
    expected = list(start(whole, *parts))
    assert len(expected) == EPOCHS
    network, state, records = fresh_network(**architecture), None, []
    for seed in range(EPOCHS):
        # Another seed than that of the first, which the state must overrule after it.
        batches = make_batches(sampling=sampling, seed=seed + 3, **augmentation)
        optimizer = make_optimizer(name)
        records.append(next(start(network, optimizer, batches, state)))
        state = TrainingState.of(network, optimizer, batches, records[-1].iteration)
        save_checkpoint(path, Classifier(network, preprocessing, NAMES, SHAPE), state)
        loaded, state = load_training_state(path)
        network = loaded.network
    assert network.vector.values.tobytes() == whole.vector.values.tobytes()
    assert_same_records(records, expected)


@pytest.fixture
def stopped(fresh_network, make_batches, preprocessing, start, tmp_path):
    """A training with dropout and momentum after two of its epochs, and the file of that moment."""
    parts = fresh_network(0.5), make_optimizer("momentum"), make_batches()
    *_, record = islice(start(*parts), 2)
    state = TrainingState.of(*parts, record.iteration)
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, Classifier(parts[0], preprocessing, NAMES, SHAPE), state)
    return path, parts[0], state


def test_a_file_holds_the_state_as_it_was(stopped):
    path, network, state = stopped
    loaded, read = load_training_state(path)
    assert loaded.network.vector.values.tobytes() == network.vector.values.tobytes()
    assert (read.iteration, read.steps, read.generators) == (8, 8, state.generators)
    assert read.generators.keys() == {"batches", "dropout"}
    assert read.optimizer["velocity"].tobytes() == state.optimizer["velocity"].tobytes()


def test_a_state_stays_as_the_training_goes_on(fresh_network, make_batches, start):
    parts = fresh_network(0.5), make_optimizer("momentum"), make_batches()
    records = start(*parts)
    state = TrainingState.of(*parts, next(records).iteration)
    before = state.optimizer["velocity"].copy(), repr(state.generators)
    next(records)
    np.testing.assert_array_equal(state.optimizer["velocity"], before[0])
    assert repr(state.generators) == before[1] != repr(TrainingState.of(*parts, 8).generators)


def test_the_classifier_of_such_a_file_is_read_like_any_other(stopped, images):
    path, network, _ = stopped
    loaded = load_checkpoint(path)
    np.testing.assert_array_equal(loaded.network.vector.values, network.vector.values)
    assert loaded.predict(images).shape == (len(images),)


def test_a_file_without_a_state_is_named(classifier, tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, classifier)
    message = f"{path}: must hold the state of a training, got weights alone"
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        load_training_state(path)


AT_AN_EPOCH = "start: must stand at the end of an epoch of 4 iterations, of {} at most, got "


@pytest.mark.parametrize(
    ("optimizer", "state", "options", "message"),
    [
        ("adam", {}, {}, "optimizer: the state must have ['average', 'squares'], got ['velocity']"),
        ("sgd", {}, {}, "optimizer: the state must have [], got ['velocity']"),
        ("momentum", {"iteration": 7}, {}, AT_AN_EPOCH.format(24) + "iteration 7"),
        ("momentum", {}, {"iterations": 7}, AT_AN_EPOCH.format(7) + "iteration 8"),
        (
            "momentum",
            {"optimizer": {"velocity": np.zeros(1, np.float32)}},
            {},
            "optimizer: velocity must have shape (412,), got (1,)",
        ),
        (
            "momentum",
            {"generators": {}},
            {},
            "generators: the state must have ['batches', 'dropout'], got []",
        ),
        (
            "momentum",
            {"generators": {"batches": {"bit_generator": "MT19937"}, "dropout": {}}},
            {},
            "generators: the state of the batches must be one of PCG64, "
            "got {'bit_generator': 'MT19937'}",
        ),
        (
            "momentum",
            {"generators": {"batches": 3, "dropout": {}}},
            {},
            "generators: the state of the batches must be one of PCG64, got 3",
        ),
    ],
)
def test_a_state_of_another_training_is_refused(
    stopped, make_batches, start, optimizer, state, options, message
):
    _, network, saved = stopped
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        start(
            network, make_optimizer(optimizer), make_batches(), replace(saved, **state), **options
        )


def test_a_training_that_was_done_has_no_more_records(stopped, make_batches, start):
    _, network, state = stopped
    options = {"iterations": state.iteration}
    assert list(start(network, make_optimizer("momentum"), make_batches(), state, **options)) == []


def shorten(tensors, _):
    tensors["optimizer.velocity"] = tensors["optimizer.velocity"][:-1]


def lose(tensors, _):
    del tensors["optimizer.velocity"]


def widen(tensors, _):
    tensors["optimizer.velocity"] = tensors["optimizer.velocity"].astype(np.float64)


def go_back(_, header):
    header["training"]["iteration"] = -4


def be_vague(_, header):
    header["training"]["steps"] = "many"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shorten, "tensor optimizer.velocity must be float32 (412,), got float32 (411,)"),
        (widen, "tensor optimizer.velocity must be float32 (412,), got float64 (412,)"),
        (
            lose,
            "tensor optimizer.velocity must be there, got ['affine1.bias', 'affine1.weight', "
            "'affine2.bias', 'affine2.weight', 'affine3.bias', 'affine3.weight', "
            "'preprocessing.mean', 'preprocessing.scale']",
        ),
        (
            go_back,
            "not a readable checkpoint (iteration: must be a whole number of at least 0, got -4)",
        ),
        (
            be_vague,
            "not a readable checkpoint (steps: must be a whole number of at least 0, got 'many')",
        ),
    ],
)
def test_a_damaged_state_is_refused(stopped, damage, message):
    path, _, _ = stopped
    tensors, (metadata, _) = load_file(path), _read(path)
    header = json.loads(metadata[METADATA_KEY])
    damage(tensors, header)
    save_file(tensors, path, {METADATA_KEY: json.dumps(header)})
    for load in (load_checkpoint, load_training_state):
        with pytest.raises(CheckpointError, match=f"^{re.escape(f'{path}: {message}')}$"):
            load(path)
