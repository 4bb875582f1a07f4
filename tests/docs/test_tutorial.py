"""The tutorial: what it tells to type works in an empty folder, and prints what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, Example, OutputChecker
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RULES = ELLIPSIS | NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Step:
    """A command of the tutorial, and what it prints."""

    command: str
    output: str


def blocks(language: str) -> list[str]:
    found = BLOCK.findall((DOCS / "tutorial.md").read_text(encoding="utf-8"))
    return [text for kind, text in found if kind == language]


def steps() -> list[Step]:
    for text in (texts := blocks("console")):
        assert text.startswith("$ "), text
    return [Step(*text.removeprefix("$ ").split("\n", 1)) for text in texts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder of a reader who saves each file under the name in its first line."""
    path = tmp_path_factory.mktemp("tutorial")
    for text in blocks("toml"):
        name = text.partition("\n")[0].removeprefix("# ")
        (path / name).write_text(text, encoding="utf-8")
    return path


def environment() -> dict[str, str]:
    """A reader's: the programs on the PATH, and nothing set that would lead elsewhere."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "STUDYHALL_"))}
    programs = str(Path(sys.executable).parent)
    return {**own, "PATH": f"{programs}{os.pathsep}{own['PATH']}", "COLUMNS": "100"}


def test_there_are_steps():
    assert len(steps()) > 8


@pytest.mark.parametrize("step", steps(), ids=lambda step: step.command[:40])
def test_each_step_prints_what_it_shows(folder, step):
    """In the order of the page: each builds on those before. `...` stands for anything."""
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    checker = OutputChecker()
    if not checker.check_output(step.output, done.stdout, RULES):
        example = Example(step.command, step.output)
        pytest.fail(checker.output_difference(example, done.stdout, RULES))


def test_all_that_the_tutorial_recorded_is_in_the_reference(folder):
    page = (DOCS / "reference" / "records.md").read_text(encoding="utf-8")
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("moons")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) > 16
    names = {name for run in runs for name in (*run.data.metrics, *run.data.tags)}
    names |= {file.path for run in runs for file in client.list_artifacts(run.info.run_id)}
    ours = {name for name in names if not name.startswith(("mlflow.", "test_accuracy_of_"))}
    assert [name for name in sorted(ours) if f"`{name}" not in page] == []
