"""Files of a champion that were changed in the store: never used, and no reading is spent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from studyhall import StudyhallError, classify, judge
from studyhall.search.evaluation.verdict import recorded_ledger
from studyhall.search.tracking.mlflow_model import WEIGHTS_FILE
from tests.mlflow_database import files_of
from tests.search.moons import Moons


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Moons:
    moons = Moons(tmp_path_factory.mktemp("kept"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moons.folder)
        moons.launch(study={"trials": 2})
    return moons


def rewritten(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path, Path], None]:
    """Write the tensors of a checkpoint anew after a change of them."""

    def spoil(weights: Path, _: Path) -> None:
        with safe_open(weights, framework="numpy") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        change(tensors)
        save_file(tensors, weights, metadata)

    return spoil


def truncate(weights: Path, _: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-4])


def pad(weights: Path, _: Path) -> None:
    weights.write_bytes(weights.read_bytes() + b"\0")


def read_fewer_examples(weights: Path, _: Path) -> None:
    settings = weights.parents[3] / "settings.json"
    table = json.loads(settings.read_text())
    table["data"]["test"] = 10
    settings.write_text(json.dumps(table))


SPOILED = {
    "another trial's": lambda weights, other: shutil.copy(other, weights),
    "zero": rewritten(lambda t: t.update({k: np.zeros_like(v) for k, v in t.items()})),
    "another type": rewritten(lambda t: t.update({k: v.astype("<f8") for k, v in t.items()})),
    "one array more": rewritten(lambda t: t.update(more=np.ones(3, np.float32))),
    "cut short": truncate,
    "longer": pad,
    "settings": read_fewer_examples,
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_changed_files_are_refused_before_anything_is_read(launched, monkeypatch, spoil):
    monkeypatch.chdir(launched.folder)
    champion = launched.champion.run_id
    files = {run.info.run_id: files_of(run) for run in launched.runs()}
    (other,) = (folder for run_id, folder in files.items() if run_id != champion)
    kept = files[champion].with_name("kept")
    shutil.copytree(files[champion], kept)
    spoil(files[champion] / WEIGHTS_FILE, other / WEIGHTS_FILE)
    try:
        for use in (judge, lambda *where: classify(where[0], [], where[1])):
            with pytest.raises(StudyhallError, match=r"^moons: version 1: run .* SHA-256 recorded"):
                use("moons", launched.tracking_uri)
        ledger = recorded_ledger("moons", launched.storage, launched.tracking_uri)
        assert ledger.own == ()
    finally:
        shutil.rmtree(files[champion])
        kept.rename(files[champion])
