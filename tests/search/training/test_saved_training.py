"""The file of a training under way: read back to the bit, or not at all."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import studyhall.search.common.atomic_files
import studyhall.search.training.saved_training
from studyhall.model import EpochRecord, TrainingState, save_checkpoint
from studyhall.search.common.environment import environment, fixed_blas_threads
from studyhall.search.common.source_tree import source_digest
from studyhall.search.training.building import TrialSeed, build_network, start_training
from studyhall.search.training.saved_training import SavedTraining, identify, read, write
from studyhall.search.training.trial import run_trial
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
def identity() -> str:
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
    found = read(path, identity)
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
    assert read(path, identity).seconds == 9.0


def test_a_full_disk_leaves_the_earlier_file_and_no_other(path, identity, saved, monkeypatch):
    full = path.with_name("full")
    full.symlink_to("/dev/full")
    monkeypatch.setattr(studyhall.search.common.atomic_files, "temporary_name", lambda _: full)
    with pytest.raises(OSError, match="No space left"):
        write(path, identity, replace(saved, seconds=9.0))
    assert list(path.parent.iterdir()) == [path]
    assert read(path, identity).seconds == saved.seconds


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("settings", settings({"dropout": 0.25}, optimizer="adam")),
        ("settings", settings({"dropout": 0.5, "hidden": [2]}, optimizer="adam")),
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
    assert read(path, identify(*asked.values())) is None


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
    monkeypatch.setattr(studyhall.search.training.saved_training, "environment", lambda: changed)
    assert read(path, identify(WANTED, SEED, "validation_loss", "data")) is None


@pytest.mark.parametrize("described", [{}, {"SIMD Extensions": {"found": ["X86_V2"]}}])
def test_a_training_with_other_vector_instructions_is_not_read(path, saved, described, monkeypatch):
    monkeypatch.setattr(np, "show_config", lambda mode: described)
    assert read(path, identify(WANTED, SEED, "validation_loss", "data")) is None


def test_a_training_of_other_code_is_not_read(path, saved, tmp_path, monkeypatch):
    (tmp_path / "training.py").write_text("faster = True\n")
    changed = source_digest(tmp_path)
    monkeypatch.setattr(studyhall.search.training.saved_training, "source_digest", lambda: changed)
    asked = identify(WANTED, SEED, "validation_loss", "data")
    assert read(path, asked) is None


def test_a_training_on_other_blas_threads_is_not_read(tmp_path, saved):
    found = []
    for threads in (1, 2):
        with fixed_blas_threads(threads):
            asked = identify(WANTED, SEED, "validation_loss", "data")
            found.append(read(tmp_path / "state", asked))
            write(tmp_path / "state", asked, saved)
            found.append(read(tmp_path / "state", asked))
    assert [one is None for one in found] == [True, False, True, False]


def test_the_libraries_of_others_make_no_other_training():
    # SciPy brings a BLAS of its own, whose threads nobody has limited.
    program = """
import json
from studyhall.search.common.environment import fixed_blas_threads
from tests.search.training.test_saved_training import SEED, WANTED, identify
from studyhall.search.common.environment import environment

identities = []
with fixed_blas_threads(1):
    identities.append(identify(WANTED, SEED, "validation_loss", "data"))
    import scipy.linalg
    environment.cache_clear()
    identities.append(identify(WANTED, SEED, "validation_loss", "data"))
    assert json.loads(identities[0])[-1]["machine.blas_threads"] == "1"
    assert identities[0] == identities[1], identities
"""
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)


def header_bytes(whole: bytes) -> int:
    """Where the numbers begin, behind the SHA-256 and the header of safetensors."""
    return 32 + 8 + int.from_bytes(whole[32:40], "little")


def test_a_file_cut_anywhere_is_not_read(path, identity, saved):
    whole = path.read_bytes()
    header = header_bytes(whole)
    generator = np.random.default_rng(2)
    for length in {*range(64), header - 1, header, header + 1, len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert read(path, identity) is None, length
    for length in generator.integers(0, len(whole), 200):
        path.write_bytes(whole[:length])
        assert read(path, identity) is None, length
        path.write_bytes(whole[:length] + bytes(len(whole) - length))
        assert read(path, identity) is None or not any(whole[length:]), length


def test_a_file_with_a_wrong_byte_is_not_read(path, identity, saved):
    whole, generator = path.read_bytes(), np.random.default_rng(3)
    header = header_bytes(whole)
    for place in (*range(0, header, 3), *generator.integers(header, len(whole), 200)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        assert read(path, identity) is None, place


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
    assert read(path, identity) is None
