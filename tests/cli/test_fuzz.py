"""Whatever a study file, an option or a store holds: a sentence, and nothing written for misuse.

STUDYHALL_FUZZ is a factor for how much is tried: 34 tries 10,000 study files, 2,000 option sets and
200 stores. STUDYHALL_FUZZ_SEED draws others.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from mlflow.entities import Param

from studyhall import Options, StudySummary
from studyhall.search.cli.entry import UNEXPLAINED, run
from studyhall.search.runner import launcher
from studyhall.search.study.observer import Observer
from studyhall.search.study.summary import summarize
from tests.cli.fuzzing import Fuzzer
from tests.mlflow_database import sqlite
from tests.search.moons import SPEC, Moons

pytestmark = pytest.mark.long
TIMES = float(os.environ.get("STUDYHALL_FUZZ", "1"))
SEED = int(os.environ.get("STUDYHALL_FUZZ_SEED", "1"))
SECONDS = 120  # a command that is not done by then hangs


class HangError(BaseException):
    """A command took too long."""


def _hang(*_: object) -> None:
    raise HangError


@contextmanager
def no_hang() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, _hang)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def propose_only(ready: launcher.Ready, options: Options, observer: Observer) -> StudySummary:
    """Two trials as the engines take them, in place of a search that could last for ever."""
    study, tracker = ready.tracked.study, ready.tracked.tracker
    for number in range(min(2, study.spec.study.trials)):
        study_id = study.storage.get_study_id_from_name(study.spec.study.name)
        trial_id = study.storage.create_new_trial(study_id)
        proposed = study.propose(number, trial_id)
        run_id = tracker.create_run(number, 1, 0)
        values = [Param(name, str(value)) for name, value in proposed.parameters.items()]
        tracker.client.log_batch(run_id, params=values)
    return summarize(study)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "STUDYHALL_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def outcome(words: list[str], folder: Path, capsys, monkeypatch) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    with no_hang():
        code = run(words)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert UNEXPLAINED not in said, said
    assert code in (0, 1, 2)
    assert code == 0 or said or words[0] == "doctor", words
    return code, said


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class Tries:
    """Commands, each in a folder of its own; how they ended, and which broke the rules."""

    def __init__(self, place: Path, capsys, monkeypatch) -> None:
        self.codes, self.broken = Counter[int](), list[str]()
        self._place, self._capsys, self._monkeypatch = place, capsys, monkeypatch
        self._number = 0

    def folder(self) -> Path:
        self._monkeypatch.chdir(self._place)
        shutil.rmtree(self._place / str(self._number), ignore_errors=True)
        self._number += 1  # MLflow keeps a database open, by its name
        folder = self._place / str(self._number)
        folder.mkdir()
        return folder

    def run(self, words: list[str], folder: Path, given: object) -> None:
        before = written(folder)
        try:
            code, said = outcome(words, folder, self._capsys, self._monkeypatch)
            self.codes[code] += 1
            assert code != 2 or written(folder) == before, (said, written(folder))
        except (AssertionError, HangError) as error:
            self.broken.append(f"{error!r} for {words!r} with {given!r}"[:3000])

    def judge(self) -> None:
        print(self.codes)
        assert not self.broken, "\n\n".join([f"{len(self.broken)} broken", *self.broken[:8]])


@pytest.fixture
def tries(place, capsys, monkeypatch) -> Tries:
    return Tries(place, capsys, monkeypatch)


def test_study_files(tries, monkeypatch):
    monkeypatch.setattr(launcher, "run", propose_only)
    fuzzer = Fuzzer(np.random.default_rng(SEED))
    for number in range(int(300 * TIMES)):
        folder, content = tries.folder(), fuzzer.study()
        (folder / "fuzzed.toml").write_bytes(content)
        if number % 8:
            sqlite(folder)  # MLflow takes a second to create it
        tries.run(["launch", "fuzzed.toml"], folder, content)
    tries.judge()
    assert tries.codes[2] > tries.codes[0] > 0


def test_option_sets(tries, monkeypatch):
    monkeypatch.setattr(launcher, "run", propose_only)
    fuzzer = Fuzzer(np.random.default_rng(SEED + 1))
    for _ in range(int(60 * TIMES)):
        folder = tries.folder()
        (folder / "moons.toml").write_text(tomli_w.dumps(SPEC))
        tries.run(fuzzer.options(), folder, None)
    tries.judge()
    assert tries.codes[2] > 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a finished study; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Moons(folder).launch(study={"trials": 2})
    tables = SPEC | {"study": SPEC["study"] | {"trials": 2}}
    (folder / "moons.toml").write_text(tomli_w.dumps(tables))
    return folder


COMMANDS = [
    *(["status", "moons"], ["best", "moons"], ["list"], ["doctor", "moons"], ["sync"], ["gc"]),
    *(["doctor", "moons", "--fix"], ["launch", "moons.toml", "-j", "1"], ["evaluate", "moons"]),
    ["export", "moons", "x.csv"],
]


def test_hostile_stores(finished, tries):
    generator = np.random.default_rng(SEED + 2)
    fuzzer = Fuzzer(generator)
    for _ in range(int(6 * TIMES)):
        folder = tries.folder()
        shutil.copytree(finished, folder, dirs_exist_ok=True)
        spoilt = ["studyhall.journal", "studyhall.journal", "mlflow.db"][generator.integers(3)]
        fuzzer.spoil(folder / spoilt)
        for index in generator.integers(len(COMMANDS), size=3):
            tries.run(COMMANDS[index], folder, spoilt)
    tries.judge()
