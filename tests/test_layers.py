"""The place of every file, the only reader of the test split, and the imports of start-up."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "search").rglob("*.py"))
ENGINES = {"optuna", "mlflow", "joblib", "sqlalchemy", "distributed"}


def test_each_file_stands_in_a_room():
    assert [path.name for path in (ROOT / "search").glob("*.py")] == ["__init__.py"]


def test_the_test_split_is_read_by_the_evaluation_alone():
    named = re.compile(r"\bopen_test\b")
    readers = {path.stem for path in SOURCES if named.search(path.read_text(encoding="utf-8"))}
    assert readers == {"datasets", "evaluation"}


def test_arrays_of_either_split_are_opened_where_data_are_checked_alone():
    named = re.compile(r"\bopen_array\b")
    openers = {path.stem for path in SOURCES if named.search(path.read_text(encoding="utf-8"))}
    assert openers == {"arrays", "datasets", "faults", "integrity", "own_changes", "verification"}


@pytest.mark.parametrize(
    "statement",
    [
        "import studyhall.model",
        "import studyhall",
        "import sys; sys.argv[1:] = ['--help']; "
        "from studyhall.search.cli.entry import main\ntry: main()\nexcept SystemExit: pass",
    ],
)
def test_cheap_things_load_no_engine(statement):
    report = "import sys; print('loaded', *sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & ENGINES
