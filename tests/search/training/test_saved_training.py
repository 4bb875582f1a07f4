"""The file of a training under way: read back to the bit, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import studyhall.search.training.trial_identity
from studyhall.model import EpochRecord, TrainingState, save_checkpoint
from studyhall.search.common.environment import environment, fixed_blas_threads
from studyhall.search.common.source_tree import source_digest
from studyhall.search.training.building import TrialSeed, build_network, start_training
from studyhall.search.training.saved_training import (
    CHECK,
    CONTENTS,
    SavedTraining,
    partial_of,
    read,
    write,
)
from studyhall.search.training.trial import run_trial
from studyhall.search.training.trial_identity import TrialIdentity, identify
from tests.search.training.shades import settings, shades

SEED = TrialSeed(5, 7)
WANTED = settings({"dropout": 0.5}, optimizer="adam")


@pytest.fixture(scope="module")
def saved() -> SavedTraining:
    """A training of two epochs that holds what is hard to keep."""
    network = build_network(WANTED.network, shades().dataset, SEED)
    training = start_training(network, WANTED.training, shades(), SEED)
    first, second = next(training), next(training)
    odd = {"gradient_norm": float("nan"), "update_ratio": float("inf"), "dead_relu_share": None}
    return SavedTraining(
        started=1.7e9 + 0.1,
        seconds=1 / 3,
        epochs=(replace(first, **odd), replace(second, learning_rate=5e-324)),
        weights=network.vector.values.copy(),
        state=training.state(),
        kept_value=0.1 + 0.2,
        kept_weights=network.vector.values[::-1].copy(),
    )


@pytest.fixture
def identity() -> TrialIdentity:
    return identify(WANTED, SEED, "validation_loss", "data")


@pytest.fixture
def path(tmp_path, identity, saved) -> Path:
    path = tmp_path / "trial-0007.state"
    write(path, identity, saved)
    return path


def same(value: object, other: object) -> bool:
    """Equal to the bit and the type, NaN included."""
    if isinstance(value, np.ndarray):
        assert isinstance(other, np.ndarray)
        alike = (value.dtype, value.shape) == (other.dtype, other.shape)
        return alike and value.tobytes() == other.tobytes()
    return type(value) is type(other) and repr(value) == repr(other)


def test_what_is_read_is_what_was_written(path, identity, saved):
    found = read(path, identity, saved.weights)
    assert found is not None
    assert found.state.optimizer.keys() == {"average", "squares"}
    assert found.state.generators.keys() == {"batches", "dropout"}
    for mine, theirs, kind in (
        (found, saved, SavedTraining),
        (found.state, saved.state, TrainingState),
        *((*pair, EpochRecord) for pair in zip(found.epochs, saved.epochs, strict=True)),
    ):
        for field in fields(kind):
            if field.name in ("epochs", "state"):
                continue
            one, other = getattr(mine, field.name), getattr(theirs, field.name)
            if field.name == "optimizer":
                assert all(same(one[name], other[name]) for name in one | other)
            else:
                assert same(one, other), field.name


def test_nothing_but_the_file_is_left(path, identity, saved):
    write(path, identity, replace(saved, seconds=9.0))
    assert list(path.parent.iterdir()) == [path]
    assert read(path, identity, saved.weights).seconds == 9.0


def test_a_full_disk_leaves_the_earlier_file_and_no_other(path, identity, saved):
    partial_of(path).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write(path, identity, replace(saved, seconds=9.0))
    assert list(path.parent.iterdir()) == [path]
    assert read(path, identity, saved.weights).seconds == saved.seconds


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("settings", settings({"dropout": 0.25}, optimizer="adam")),
        ("settings", settings({"dropout": 0.5}, optimizer="adam", keep="best")),
        ("seed", TrialSeed(6, 7)),
        ("seed", TrialSeed(5, 8)),
        ("metric", "validation_accuracy"),
        ("data", "other data"),
    ],
)
def test_another_training_is_not_read(path, saved, name, other):
    asked = {"settings": WANTED, "seed": SEED, "metric": "validation_loss", "data": "data"}
    asked[name] = other
    assert read(path, identify(*asked.values()), saved.weights) is None


@pytest.mark.parametrize(
    "name",
    [
        "code.version",
        "machine.cpu",
        "machine.platform",
        "machine.blas",
        "python",
        "library.numpy",
    ],
)
def test_a_training_of_another_environment_is_not_read(path, saved, name, monkeypatch):
    changed = {**environment(), name: "another"}
    monkeypatch.setattr(studyhall.search.training.trial_identity, "environment", lambda: changed)
    assert read(path, identify(WANTED, SEED, "validation_loss", "data"), saved.weights) is None


@pytest.mark.parametrize("described", [{}, {"SIMD Extensions": {"found": ["X86_V2"]}}])
def test_a_training_with_other_vector_instructions_is_not_read(path, saved, described, monkeypatch):
    monkeypatch.setattr(np, "show_config", lambda mode: described)
    assert read(path, identify(WANTED, SEED, "validation_loss", "data"), saved.weights) is None


def test_a_training_of_other_code_is_not_read(path, saved, tmp_path, monkeypatch):
    (tmp_path / "training.py").write_text("faster = True\n")
    changed = source_digest(tmp_path)
    monkeypatch.setattr(studyhall.search.training.trial_identity, "source_digest", lambda: changed)
    asked = identify(WANTED, SEED, "validation_loss", "data")
    assert read(path, asked, saved.weights) is None


def test_a_training_on_other_blas_threads_is_not_read(tmp_path, saved):
    found = []
    for threads in (1, 2):
        with fixed_blas_threads(threads):
            asked = identify(WANTED, SEED, "validation_loss", "data")
            found.append(read(tmp_path / "state", asked, saved.weights))
            write(tmp_path / "state", asked, saved)
            found.append(read(tmp_path / "state", asked, saved.weights))
    assert [one is None for one in found] == [True, False, True, False]


def test_the_libraries_of_others_make_no_other_training():
    # SciPy brings a BLAS of its own, whose threads nobody has limited.
    program = """
from studyhall.search.common.environment import fixed_blas_threads
from tests.search.training.test_saved_training import SEED, WANTED, identify
from studyhall.search.common.environment import environment

identities = []
with fixed_blas_threads(1):
    identities.append(identify(WANTED, SEED, "validation_loss", "data"))
    import scipy.linalg
    environment.cache_clear()
    identities.append(identify(WANTED, SEED, "validation_loss", "data"))
    assert identities[0].surroundings["machine.blas_threads"] == "1"
    assert identities[0] == identities[1], identities
"""
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)


def test_another_network_is_not_given_these_weights(path, identity, saved):
    assert read(path, identity, saved.weights[:-1]) is None


def test_a_file_cut_anywhere_is_not_read(path, identity, saved):
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    generator = np.random.default_rng(2)
    for length in {*range(64), header - 1, header, header + 1, len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert read(path, identity, saved.weights) is None, length
    for length in generator.integers(0, len(whole), 200):
        path.write_bytes(whole[:length])
        assert read(path, identity, saved.weights) is None, length
        path.write_bytes(whole[:length] + bytes(len(whole) - length))
        assert read(path, identity, saved.weights) is None or not any(whole[length:]), length


def test_a_file_with_a_wrong_byte_is_not_read(path, identity, saved):
    whole, generator = path.read_bytes(), np.random.default_rng(3)
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in (*range(0, header, 3), *generator.integers(header, len(whole), 200)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        assert read(path, identity, saved.weights) is None, place


def of_a_model(path):
    record = run_trial(WANTED, shades(), SEED, "validation_loss", lambda _: None)
    save_checkpoint(path, record.classifier)


@pytest.mark.parametrize(
    "put",
    [
        lambda path: None,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no training\n" * 100),
        lambda path: path.mkdir(),
        lambda path: save_file({"weights": np.zeros(3, np.float32)}, path),
        of_a_model,
    ],
    ids=["nothing", "empty", "text", "folder", "tensors", "model"],
)
def test_what_is_no_training_is_not_read(tmp_path, identity, saved, put):
    path = tmp_path / "trial-0007.state"
    put(path)
    assert read(path, identity, saved.weights) is None


def rewrite(path, change) -> None:
    """Change the text of a file, and make its CRC right again."""
    tensors = load_file(path)
    with safe_open(path, "numpy") as file:
        contents = json.loads(file.metadata()[CONTENTS])
    change(contents, tensors)
    text = json.dumps(contents)
    save_file(tensors, path, {CONTENTS: text, CHECK: str(zlib.crc32(text.encode()))})


@pytest.mark.parametrize(
    "change",
    [
        lambda contents, _: contents.update(format=2),
        lambda contents, _: contents.update(seconds=-1.0),
        lambda contents, _: contents.update(iteration="8"),
        lambda contents, _: contents.update(added=1),
        lambda contents, _: contents.pop("steps"),
        lambda contents, _: contents["generators"]["batches"].update(bit_generator="MT19937"),
        lambda contents, _: contents["generators"]["batches"]["state"].update(state=2**128),
        lambda contents, _: contents["checks"].pop("losses"),
        lambda _, tensors: tensors.pop("optimizer.squares"),
        lambda _, tensors: tensors.update(kept=tensors["kept"].astype(np.float64)),
        lambda _, tensors: tensors.update(weights=tensors["weights"].view(np.int32)),
        lambda _, tensors: tensors.update(losses=tensors["losses"].reshape(2, -1)),
    ],
)
def test_a_file_that_says_something_else_is_not_read(path, identity, saved, change):
    rewrite(path, lambda contents, tensors: None)
    assert read(path, identity, saved.weights) is not None
    rewrite(path, change)
    assert read(path, identity, saved.weights) is None
