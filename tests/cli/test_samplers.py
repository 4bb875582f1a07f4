"""A study with each sampler that other tests do not use, in this process and by two workers."""

from __future__ import annotations

import importlib.util

import pytest

from studyhall import load_study
from tests.cli.record import answers
from tests.cli.workspace import Workspace
from tests.mlflow_database import sqlite
from tests.search.moons import Moons

STUDY = """\
[study]
name = "points"
trials = 13
window = 2
sampler = "tpe"

[data]
name = "two_blobs"
train = 200
validation = 200
preprocessing = "none"

[network]
hidden = [8]

[training]
optimizer = "momentum"
epochs = 2
batch_size = 20

[search_space]
learning_rate = { type = "float", low = 1e-3, high = 1e-1, log = true }
momentum = { type = "float", low = 0.5, high = 0.9 }
"""


def require_whole(workspace: Workspace) -> None:
    found = answers(workspace, "points")
    assert [answer.state for answer in found] == ["FINISHED"] * 13
    points = [(a.parameters["learning_rate"], a.parameters["momentum"]) for a in found]
    assert all(1e-3 <= rate <= 1e-1 and 0.5 <= momentum <= 0.9 for rate, momentum in points)
    assert len(set(points)) == 13


@pytest.mark.parametrize(
    "sampler", ["cmaes", *(pytest.param(name, marks=pytest.mark.long) for name in ("qmc", "gp"))]
)
def test_a_study_runs_to_its_end(tmp_path, monkeypatch, sampler):
    """Of 13 trials, so that the last are proposed by what learns from ten that have completed."""
    if sampler == "gp" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs the extra gp")
    monkeypatch.chdir(tmp_path)  # where MLflow puts files
    workspace = Workspace(tmp_path)
    sqlite(tmp_path)
    study = workspace.write(STUDY.replace("tpe", sampler), "points.toml")
    Moons(tmp_path).run(load_study(study))
    require_whole(workspace)


@pytest.mark.long
def test_a_study_runs_to_its_end_with_two_workers(tmp_path):
    workspace = Workspace(tmp_path)
    sqlite(tmp_path)
    workspace.write(STUDY.replace("tpe", "cmaes"), "points.toml")
    workspace.run("launch", "points.toml", "--jobs", 2)
    require_whole(workspace)
