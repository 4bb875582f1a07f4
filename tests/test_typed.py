"""Both packages tell type checkers that they have types, as an installed package has to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
from pathlib import Path
from studyhall.model import Network
from studyhall import Comparison, Options, compare_recorded, fetch_data, launch, load_study

summary = launch(load_study("cifar10"), Options(jobs=2))
if summary.best:
    value: float = summary.best.value
folder: Path = fetch_data("two_moons")
found: Comparison = compare_recorded("one", "other")
network: type[Network] = Network
"""
MISTAKES = """
from studyhall import Options, fetch_data
Options(jobs="two")
fetch_data(7)
"""


def test_the_package_has_the_marker():
    assert (ROOT / "src" / "studyhall" / "py.typed").read_bytes() == b""


@pytest.mark.long
def test_a_program_that_uses_them_is_checked(tmp_path):
    """The checkout is on the path as an installed package is, so that the marker counts."""
    program, mistakes = tmp_path / "program.py", tmp_path / "mistakes.py"
    program.write_text(PROGRAM)
    mistakes.write_text(MISTAKES)
    cache = ROOT / ".mypy_cache" / "installed"
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, program.name, mistakes.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    lines = [line.partition("[")[2] for line in done.stdout.splitlines()]
    assert lines == ["arg-type]", "arg-type]"], done.stdout + done.stderr
    assert "program.py" not in done.stdout
