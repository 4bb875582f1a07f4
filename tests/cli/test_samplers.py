"""A study with each sampler that other tests do not use, by the command line, two workers."""

from __future__ import annotations

import importlib.util

import pytest

from tests.cli.record import answers
from tests.cli.workspace import Workspace

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


@pytest.mark.parametrize("sampler", ["qmc", "cmaes", "gp"])
def test_a_study_runs_to_its_end_with_two_workers(tmp_path, sampler):
    """Of 13 trials, so that the last are proposed by what learns from ten that have completed."""
    if sampler == "gp" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs the extra gp")
    workspace = Workspace(tmp_path)
    workspace.write(STUDY.replace("tpe", sampler), "points.toml")
    workspace.run("launch", "points.toml", "--jobs", 2)
    found = answers(workspace, "points")
    assert [answer.state for answer in found] == ["FINISHED"] * 13
    points = [(a.parameters["learning_rate"], a.parameters["momentum"]) for a in found]
    assert all(1e-3 <= rate <= 1e-1 and 0.5 <= momentum <= 0.9 for rate, momentum in points)
    assert len(set(points)) == 13
