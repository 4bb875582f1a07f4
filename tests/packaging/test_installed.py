"""What is built and installed: the same from checkout and sdist, and beside files of any name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.libraries import libraries

ROOT = Path(__file__).resolve().parents[2]
OWN_NAMES = ("model", "search", "studies")
STUDY = """\
[study]
name = "moons"
trials = 4
window = 2
sampler = "random"

[data]
name = "two_moons"
train = 60
validation = 40

[network]
hidden = ["hidden_size"]

[training]
optimizer = "nesterov"
learning_rate = 0.01
batch_size = 20
epochs = 2

[search_space]
hidden_size = { type = "int", low = 2, high = 8 }
"""
PROGRAM = """
import importlib, json
import studyhall
from studyhall.model import Network

def main():
    own = []
    for name in ("model", "search", "studies"):
        try:
            importlib.import_module(name)
        except RuntimeError as error:
            own.append(str(error))
    spec = studyhall.load_study("moons.toml", ["study.trials=6"])
    summary = studyhall.launch(spec, studyhall.Options(jobs=2))
    print(json.dumps({"own": own, "file": studyhall.__file__, "complete": summary.complete}))

if __name__ == "__main__":
    main()
"""


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or an sdist from a folder of sources, with nothing from a network."""
    words = ["-m", "hatchling", "build", "--target", kind, "--directory", folder]
    done = subprocess.run([sys.executable, *words], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel of the checkout, an sdist of it, and a wheel of that sdist."""
    wheel = build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))
    sdist = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    source = tmp_path_factory.mktemp("source")
    with tarfile.open(sdist) as archive:
        archive.extractall(source, filter="data")
    [source] = source.iterdir()
    return {
        "wheel": wheel,
        "sdist": sdist,
        "wheel of the sdist": build("wheel", source, tmp_path_factory.mktemp("again")),
    }


def files_of(wheel: Path) -> dict[str, int]:
    """The files of a wheel, and the checksum of each."""
    with ZipFile(wheel) as archive:
        return {one.filename: one.CRC for one in archive.infolist()}


def test_the_wheel_of_the_sdist_is_that_of_the_checkout(built):
    assert files_of(built["wheel of the sdist"]) == files_of(built["wheel"])


def test_the_wheel_has_every_file_of_the_checkout_below_one_name(built):
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *OWN_NAMES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    inside = {name for name in files_of(built["wheel"]) if ".dist-info/" not in name}
    own = {"studyhall/__init__.py", "studyhall/__main__.py", "studyhall/py.typed"}
    assert inside == own | {
        f"studyhall/{name}" for name in listed.stdout.splitlines() if (ROOT / name).exists()
    }


class Installed:
    """Studyhall in an environment of its own, and a user's folder with files of the same names.

    Args:
        folder: Where both are put.
        package: The wheel or sdist to install; without one, the environment of the tests is meant.
    """

    def __init__(self, folder: Path, package: Path | None) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.python, self.home = sys.executable, ROOT / "src" / "studyhall"
        if package:
            self.python, self.home = _install(folder / "environment", package)
        for name in OWN_NAMES:
            (self.work / f"{name}.py").write_text(f"raise RuntimeError('my own {name}')\n")
        (self.work / "moons.toml").write_text(STUDY)
        (self.work / "program.py").write_text(PROGRAM)

    def run(self, *words: str) -> str:
        """Run Python in the user's folder; return what it printed."""
        return _run([self.python, *words], self.work, self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """As a user has it: nothing of this checkout is on the path."""
        places = ("PYTHONPATH", "MLFLOW_TRACKING_URI", "STUDYHALL_STORAGE")
        return {name: value for name, value in os.environ.items() if name not in places}


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _install(folder: Path, package: Path) -> tuple[str, Path]:
    """Install into a new environment, which finds the libraries in that of the tests."""
    venv.create(folder, with_pip=False)
    python = str(folder / "bin" / "python")
    [site] = (folder / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(libraries())
    # Ignoring what is installed, pip does not try to remove the editable install from there.
    options = ("--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed", "--quiet")
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    _run([python, "-m", "pip", "install", *options, str(package)], folder, environment)
    return python, site / "studyhall"


@pytest.fixture(scope="module", params=["wheel", "sdist", "editable"])
def installed(
    request: pytest.FixtureRequest,
    built: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Installed:
    return Installed(tmp_path_factory.mktemp(request.param), built.get(request.param))


def test_a_study_runs_beside_files_of_the_users_own_with_the_same_names(installed):
    installed.run("-m", "studyhall", "launch", "moons.toml", "--jobs", "2")
    found = json.loads(installed.run("program.py").splitlines()[-1])
    assert found["own"] == [f"my own {name}" for name in OWN_NAMES]
    assert Path(found["file"]) == installed.home / "__init__.py"
    assert found["complete"] == 6
    status = json.loads(installed.run("-m", "studyhall", "status", "moons", "--json"))
    assert status["complete"] == 6


def test_it_is_the_only_name_that_is_installed(installed):
    for name in OWN_NAMES:
        (installed.work / f"{name}.py").unlink()
    program = "import importlib.util as u; print([bool(u.find_spec(n)) for n in {}])"
    names = ["studyhall", *OWN_NAMES]
    assert installed.run("-c", program.format(names)).split() == [
        "[True,",
        "False,",
        "False,",
        "False]",
    ]
