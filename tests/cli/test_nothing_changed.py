"""Exit code 2 promises that nothing was changed: what is refused leaves a folder as it was."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.workspace import Workspace

STUDY = """\
[study]
name = "moons"
trials = 2
sampler = "random"

[data]
name = "two_moons"
train = 100
validation = 100

[network]
hidden = [4]

[training]
optimizer = "sgd"
batch_size = 20
epochs = 1

[search_space]
learning_rate = { type = "float", low = 1e-3, high = 1e-1, log = true }
"""
pytestmark = pytest.mark.long
OPTIONS = [
    *["--jobs 0", "--jobs x", "--trials 0", "--timeout -1", "--attempts 0", "--name 'a b'"],
    *["--set x", "--set study.seed=x", "--set study.nonsense=1", "--set training.epochs=0"],
    *["--detach", "--cluster nowhere", "--cluster tcp://127.0.0.1:1", "--nonsense"],
    *["--set data.train=-1", "--set network.loss=none", "--set study.sampler=none"],
    *["--set data.name=pets --set data.path=no/where", "--set data.name=mine"],
    *["--storage mysql://x/y", "--storage postgresql://u:p@h/x", "--storage garbage"],
    *["--storage folder", "--storage postgresql://me@127.0.0.1:1/x", "--storage sqlite:///x.db"],
    *["--storage file/x.journal", "--data-dir nowhere --set data.name=cifar10"],
    # A network that cannot learn is found by a check of the data.
    *["--set training.optimizer=nothing", "--set network.initial_deviation=0"],
]
ADDRESSES = [
    *["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///folder", "sqlite:///garbage"],
    *["sqlite:////no/where/x.db", "sqlite:///no/x.db", "./mlruns", "file:///x", "localhost:5000"],
    *[
        "http://127.0.0.1:1",
        "http://",
        "postgresql://me@127.0.0.1:1/x",
        "mysql://me@h/x",
        "nowhere",
    ],
    *["postgresql://me:secret@h/x", "databricks", "'sqlite:///file/x.db'"],
]
READING = "status", "best", "evaluate", "finalists", "report", "doctor", "sync", "gc", "stop"
COMMANDS = [
    *[f"launch moons.toml {options}" for options in OPTIONS],
    *[f"launch moons.toml --tracking-uri {address}" for address in ADDRESSES],
    *["launch", "launch nothing", "launch nothing.toml", "launch folder", "launch garbage"],
    *["launch broken.toml", "launch garbage.toml", "nonsense", "data fetch"],
    *[f"{command} {name}" for command in READING for name in ("unknown", "cifar10", "none.toml")],
    *[f"{command} moons.toml" for command in READING],
    *["finalists moons --seeds 0", "finalists moons --timeout 0", "gc --keep-weights 0"],
    *["export moons x.csv", "export moons x.nonsense", "export unknown x.parquet"],
    *["compare moons unknown", "compare moons", "predict moons garbage", "predict moons no.png"],
    *["replay 0123", "replay 'a b'", "replay http://127.0.0.1:1/", "replay", "ui --port 0"],
    *["ui --tracking-uri http://127.0.0.1:1", "ui --tracking-uri sqlite:///no/x.db", "check no"],
    *["reproduce S9", "reproduce S4 --jobs 0", "reproduce S4 --tracking-uri nowhere"],
    *["data fetch nothing", "data verify nothing", "data fetch broken.toml", "service nonsense"],
    *[f"{c} --tracking-uri {a}" for a in ADDRESSES[:8] for c in ("replay 0123", "gc", "ui")],
]


def content(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder, and what is in it."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder in which no study was run yet; its cache of data sets is in it as well."""
    folder = tmp_path_factory.mktemp("place")
    workspace = Workspace(folder, {"STUDYHALL_HOME": str(folder / "state")})
    workspace.write(STUDY, "moons.toml")
    workspace.write(STUDY.replace("train = 100", "train = "), "broken.toml")
    (folder / "garbage").write_bytes(b"\xff\x00garbage" * 100)
    (folder / "garbage.toml").write_bytes(b"\xff\x00garbage" * 100)
    (folder / "file").touch()
    (folder / "folder").mkdir()
    return workspace


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_refused_changes_nothing(place: Workspace, command: str) -> None:
    before, above = content(place.folder), sorted(place.folder.parent.iterdir())
    code, stdout, stderr = place.attempt(*shlex.split(command))
    assert (code in (0, 1, 2), "Traceback" in stderr) == (True, False)
    assert content(place.folder) == before, (code, stdout, stderr)
    assert sorted(place.folder.parent.iterdir()) == above
    assert not Path("/no").exists()
    if code == 2:
        assert stderr.startswith("studyhall: ")
